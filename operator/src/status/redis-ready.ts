import type { DesiredCondition } from "../runtime/index.ts";
import { componentCondition } from "./component-condition.ts";
import type { Observation } from "./observation.ts";

/** `RedisReady`: Redis answers. */
export function redisReady({ redis }: Observation): DesiredCondition {
  return componentCondition(redis, { type: "RedisReady", plural: "Redis servers", needed: 1 });
}
