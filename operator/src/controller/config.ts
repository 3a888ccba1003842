import { type Static, Type } from "typebox";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** The operator's environment, each name with `OPERATOR_` before it. */
export const operatorConfigSchema = Type.Object({
  namespace: Type.String({ default: "chatcluster-system", description: "where the operator runs and holds its Lease" }),
  podName: Type.String({ default: "operator", description: "name of this process for the Lease and in Events" }),
  watchNamespace: Type.String({ default: "", description: "namespaces to look after, joined by commas; empty is all" }),
  leaderElection: Type.Boolean({ default: true, description: "false only where a single operator ever runs" }),
  healthHost: Type.String({ default: "0.0.0.0", description: "address of /healthz, /readyz and /metrics" }),
  healthPort: Type.Integer({ minimum: 0, maximum: 65535, default: 8081 }),
  maxConcurrent: Type.Integer({ minimum: 1, maximum: 64, default: 8, description: "ChatClusters in work at once" }),
  logLevel: Type.Union(
    LOG_LEVELS.map((level) => Type.Literal(level)),
    { default: "info" },
  ),
  imageChatServer: Type.String({ default: "", description: "image of the chat servers where a spec names none" }),
  imageIngressAgent: Type.String({
    default: "",
    description: "image of the agents beside HAProxy and Cassandra: the operator's own",
  }),
  imageRedis: Type.String({ default: "docker.io/library/redis:7.2" }),
  imageCassandra: Type.String({ default: "docker.io/library/cassandra:5.0" }),
  imageHaproxy: Type.String({ default: "docker.io/library/haproxy:3.0" }),
});

export type OperatorConfig = Static<typeof operatorConfigSchema>;
