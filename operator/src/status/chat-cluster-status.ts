import type { ChatClusterStatus } from "../api/status.ts";
import { selectorLabels, selectorText } from "../resource/names.ts";
import { type Clock, mergeConditions } from "../runtime/index.ts";
import { cassandraReady } from "./cassandra-ready.ts";
import { degraded } from "./degraded.ts";
import { ingressReady } from "./ingress-ready.ts";
import type { Observation } from "./observation.ts";
import { paused } from "./paused.ts";
import { progressing } from "./progressing.ts";
import { ready } from "./ready.ts";
import { redisReady } from "./redis-ready.ts";
import { scalingActive } from "./scaling-active.ts";
import { serversReady } from "./servers-ready.ts";

/** The whole status, from what was seen. The same observation gives an equal status, which needs no write. */
export function chatClusterStatus(
  observation: Observation,
  desiredServers: number | undefined,
  clock: Pick<Clock, "now">,
): ChatClusterStatus {
  const { cluster, chat, connections } = observation;
  const { generation } = cluster.metadata;
  const components = [
    cassandraReady(observation),
    redisReady(observation),
    serversReady(observation),
    ingressReady(observation),
  ];
  const conditions = [
    ready(components),
    progressing(observation),
    degraded(observation),
    paused(cluster),
    ...components,
    scalingActive(observation),
  ];
  return {
    observedGeneration: generation,
    servers: chat.current,
    readyServers: chat.ready,
    ...(desiredServers === undefined ? {} : { desiredServers }),
    // What could not be read is not 0: the last known number stays.
    connections: connections ?? cluster.status?.connections ?? 0,
    ...(observation.ring === undefined ? {} : { cassandra: observation.ring }),
    ...redisMaster(observation),
    ...(observation.passwords.status === undefined ? {} : { passwords: observation.passwords.status }),
    selector: selectorText(selectorLabels(cluster, "chat")),
    conditions: mergeConditions(cluster.status?.conditions, conditions, generation, clock),
  };
}

/** Between two masters the last one stays, so that its successor is seen to be another. */
function redisMaster({ cluster, redisView, sentinel }: Observation): { redisMaster?: string } {
  const master = redisView?.master ?? cluster.status?.redisMaster;
  return sentinel && master !== undefined ? { redisMaster: master } : {};
}
