import { Type } from "typebox";
import { CHAT_BACKEND, HAPROXY_SOCKET, INGRESS_AGENT_PORT } from "../ingress/ports.ts";

/** The agent's environment, `AGENT_` before every name: docs/ingress.md. */
export const AgentSettings = Type.Object({
  service: Type.String({
    minLength: 1,
    description: "name of the Service whose EndpointSlices are watched, NAME-chat",
  }),
  namespace: Type.String({ minLength: 1, description: "namespace of that Service" }),
  socket: Type.String({ default: HAPROXY_SOCKET, description: "path of HAProxy's runtime socket" }),
  backend: Type.String({ default: CHAT_BACKEND, pattern: "^[A-Za-z0-9_.:-]+$", description: "HAProxy's backend" }),
  portName: Type.String({ default: "chat", description: "name of the EndpointSlice's port that takes clients" }),
  checkPort: Type.Integer({
    default: 9090,
    minimum: 1,
    maximum: 65535,
    description: "port of /readyz on every server",
  }),
  certificate: Type.Optional(
    Type.String({
      pattern: "^/[A-Za-z0-9_./-]+$",
      description: "file with HAProxy's certificate, its key in FILE.key",
    }),
  ),
  host: Type.String({ default: "0.0.0.0", description: "address of /healthz, /readyz and /metrics" }),
  port: Type.Integer({ default: INGRESS_AGENT_PORT, minimum: 0, maximum: 65535, description: "port of the same" }),
  retireSeconds: Type.Integer({
    default: 30,
    minimum: 0,
    maximum: 86_400,
    description: "seconds after which the sessions of a server that has gone are ended",
  }),
  logLevel: Type.String({ default: "info", pattern: "^(trace|debug|info|warn|error|fatal|silent)$" }),
});
