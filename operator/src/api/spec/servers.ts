import { type Static, Type } from "typebox";
import { PodTemplate } from "./pod-template.ts";
import { Resources } from "./quantity.ts";

/** The chat servers and how their number follows the connections. */
export const ServersSpec = Type.Object(
  {
    min: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 2,
      description: "Fewest chat servers. Two or more let a server be lost without losing the service.",
    }),
    max: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: "Most chat servers that scaling may ask for.",
    }),
    replicas: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        description:
          "A fixed number of chat servers, between min and max. When set, connections do not scale the servers; `kubectl scale` and a " +
          "HorizontalPodAutoscaler write this field through the scale subresource. Leave it out to scale on connections.",
      }),
    ),
    connectionsPerServer: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 5000,
      description: "Open connections per chat server that scaling aims at.",
    }),
    stabilizationSeconds: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 300,
      description: "Seconds for which fewer servers must have been enough before one is drained and removed.",
    }),
    drainSeconds: Type.Integer({
      minimum: 0,
      maximum: 3600,
      default: 30,
      description:
        "Seconds over which a server that is leaving tells its clients to move. Also its pod's grace period, less the margin.",
    }),
    surge: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 1,
      description:
        "Chat servers that a roll may start beyond their number. No server goes before a new one is ready, so a greater number makes a roll " +
        "faster and needs room for as many pods.",
    }),
    resources: Resources({
      default: { requests: { cpu: "100m", memory: "192Mi" }, limits: { memory: "1Gi" } },
      description: "CPU and memory of each chat server.",
    }),
    podTemplate: PodTemplate("the chat servers"),
  },
  {
    default: {},
    description: "The chat servers and how their number follows the connections.",
    "x-kubernetes-validations": [
      {
        rule: "self.min <= self.max",
        message: "spec.servers.min must not be greater than spec.servers.max",
        fieldPath: ".min",
      },
      {
        rule: "!has(self.replicas) || (self.replicas >= self.min && self.replicas <= self.max)",
        message: "spec.servers.replicas must lie between spec.servers.min and spec.servers.max",
      },
    ],
  },
);

export type ServersSpec = Static<typeof ServersSpec>;
