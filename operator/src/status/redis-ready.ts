import { redisServers } from "../api/spec/redis.ts";
import type { RedisView } from "../redis/view.ts";
import { minReplicasToWrite } from "../resource/redis-config.ts";
import type { DesiredCondition } from "../runtime/index.ts";
import { componentCondition } from "./component-condition.ts";
import type { Observation, WorkloadState } from "./observation.ts";

const type = "RedisReady";

/** `RedisReady`: Redis answers and takes writes; with replicas, a master that does, and so many that follow it as it needs for that. */
export function redisReady(observation: Observation): DesiredCondition {
  const { redis, sentinel, redisView } = observation;
  if (!redis)
    return condition("True", "External", "Redis is not the operator's; the chat servers' readiness tells of it");
  const started = componentCondition(redis, { type, plural: "Redis servers", needed: 1 });
  if (!sentinel) return started;
  return redisView?.master === undefined
    ? withoutMaster(started, redis, sentinel)
    : withMaster(observation, redisView.master, redisView);
}

function withMaster({ cluster }: Observation, master: string, { linked }: RedisView): DesiredCondition {
  const replicas = redisServers(cluster.spec.redis) - 1;
  const message = `${master} is the master, ${linked.length} of ${replicas} replicas follow it`;
  if (linked.length >= replicas) return condition("True", "AllReady", message);
  if (linked.length >= minReplicasToWrite(cluster)) return condition("True", "EnoughReady", message);
  return condition("False", "ReplicasNotLinked", `${message}: it takes no writes`);
}

function withoutMaster(started: DesiredCondition, redis: WorkloadState, sentinel: WorkloadState): DesiredCondition {
  // What keeps pods from running is why there is no master.
  if (redis.podProblem) return componentCondition({ ...redis, ready: 0 }, { type, plural: "Redis servers", needed: 1 });
  if (sentinel.podProblem)
    return componentCondition({ ...sentinel, ready: 0 }, { type, plural: "sentinels", needed: 1 });
  if (started.status !== "True") return started;
  return condition("False", "NoMaster", "no Redis server is the master that two sentinels name");
}

function condition(status: "True" | "False", reason: string, message: string): DesiredCondition {
  return { type, status, reason, message };
}
