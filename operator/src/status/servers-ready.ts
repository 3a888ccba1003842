import type { DesiredCondition } from "../runtime/index.ts";
import { componentCondition } from "./component-condition.ts";
import type { Observation } from "./observation.ts";

/** `ServersReady`: at least the fewest chat servers that the spec allows take connections. */
export function serversReady({ cluster, chat }: Observation): DesiredCondition {
  const needed = Math.max(1, Math.min(cluster.spec.servers.min, chat.desired));
  return componentCondition(chat, { type: "ServersReady", plural: "servers", needed });
}
