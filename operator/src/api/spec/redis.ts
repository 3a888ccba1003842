import { type Static, Type } from "typebox";
import { ExternalRedisSpec } from "./external-redis.ts";
import { PodTemplate } from "./pod-template.ts";
import { Resources, Storage } from "./quantity.ts";

/** Redis servers of mode `sentinel` where the spec says no number: one may be lost, and writes still reach two. */
const DEFAULT_REPLICAS = 3;

/** The Redis that fans messages out and holds the offline lists. */
export const RedisSpec = Type.Object(
  {
    mode: Type.Union([Type.Literal("standalone"), Type.Literal("sentinel"), Type.Literal("external")], {
      default: "standalone",
      description:
        "How Redis is laid out: `standalone` is one server with an append-only file; `sentinel` is a master with replicas and three sentinels, " +
        "which make a replica the master when the master is lost; `external` is one of yours, in `external`. Cannot be changed later.",
      "x-kubernetes-validations": [
        { rule: "self == oldSelf", message: "spec.redis.mode cannot be changed once Redis holds data" },
      ],
    }),
    replicas: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 9,
        description:
          "Redis servers in mode `sentinel`, the master among them; 3 when left out. With three or more, a master that is cut off from all " +
          "replicas stops taking writes within 10 s. With two it goes on, for else the loss of one server would stop all writes.",
      }),
    ),
    external: Type.Optional(ExternalRedisSpec),
    storage: Storage({
      size: "1Gi",
      path: "spec.redis.storage",
      description: "The volume of each Redis, which holds its append-only file. Not used in mode `external`.",
    }),
    resources: Resources({
      default: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "1Gi" } },
      description:
        "CPU and memory of each Redis. Redis refuses writes at three quarters of the memory limit, before it is killed. Not used in mode `external`.",
    }),
    podTemplate: PodTemplate("each Redis"),
    sentinelPodTemplate: PodTemplate("each sentinel, in mode `sentinel`"),
  },
  {
    default: {},
    description: "The Redis that fans messages out and holds the offline lists.",
    "x-kubernetes-validations": [
      {
        rule: "!has(self.replicas) || self.mode == 'sentinel'",
        message: "spec.redis.replicas needs spec.redis.mode sentinel",
        fieldPath: ".replicas",
      },
      {
        rule: "has(self.external) == (self.mode == 'external')",
        message: "spec.redis.external and spec.redis.mode external need each other",
        fieldPath: ".mode",
      },
      {
        rule: "self.mode != 'external' || !has(self.podTemplate)",
        message: "spec.redis.podTemplate is of no use with spec.redis.mode external: its pods are somebody else's",
        fieldPath: ".podTemplate",
      },
      {
        rule: "self.mode == 'sentinel' || !has(self.sentinelPodTemplate)",
        message: "spec.redis.sentinelPodTemplate needs spec.redis.mode sentinel",
        fieldPath: ".sentinelPodTemplate",
      },
    ],
  },
);

export type RedisSpec = Static<typeof RedisSpec>;

/** Redis servers that there are to be; 0 where they are somebody else's. */
export function redisServers({ mode, replicas }: RedisSpec): number {
  if (mode === "sentinel") return replicas ?? DEFAULT_REPLICAS;
  return mode === "standalone" ? 1 : 0;
}
