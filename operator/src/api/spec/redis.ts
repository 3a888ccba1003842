import { type Static, Type } from "typebox";
import { Resources, Storage } from "./quantity.ts";

/** The Redis that fans messages out and holds the offline lists. */
export const RedisSpec = Type.Object(
  {
    mode: Type.Union([Type.Literal("standalone")], {
      default: "standalone",
      description:
        "How Redis is laid out: `standalone` is one server with an append-only file. Cannot be changed later.",
      "x-kubernetes-validations": [
        { rule: "self == oldSelf", message: "spec.redis.mode cannot be changed once Redis holds data" },
      ],
    }),
    storage: Storage({
      size: "1Gi",
      path: "spec.redis.storage",
      description: "The volume of Redis, which holds its append-only file.",
    }),
    resources: Resources({
      default: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "1Gi" } },
      description:
        "CPU and memory of Redis. Redis refuses writes at three quarters of the memory limit, before it is killed.",
    }),
  },
  { default: {}, description: "The Redis that fans messages out and holds the offline lists." },
);

export type RedisSpec = Static<typeof RedisSpec>;
