import type { ChatCluster } from "../api/chat-cluster.ts";
import type { PodTemplateOverlay } from "../api/spec/pod-template.ts";
import { HAPROXY_METRICS_PORT, INGRESS_AGENT_PORT } from "../ingress/ports.ts";
import { CHAT_ADMIN_PORT } from "./names.ts";

/** A port of a component's pods at which Prometheus finds `/metrics`. */
export interface MetricsPort {
  readonly name: string;
  readonly number: number;
}

/** What the port of a sidecar is called that has metrics. */
const SIDECAR_PORT = "metrics";

/** The components that have pods of the operator's own, and where each has metrics. */
export function metricsPorts({ spec }: ChatCluster) {
  const { redis, cassandra, ingress, servers } = spec;
  return {
    chat: [{ name: "admin", number: CHAT_ADMIN_PORT }, ...sidecarPorts(servers.podTemplate)],
    ingress:
      ingress.mode === "Managed"
        ? [
            { name: "metrics", number: HAPROXY_METRICS_PORT },
            { name: "agent", number: INGRESS_AGENT_PORT },
            ...sidecarPorts(ingress.podTemplate),
          ]
        : [],
    redis: redis.mode === "external" ? [] : sidecarPorts(redis.podTemplate),
    sentinel: redis.mode === "sentinel" ? sidecarPorts(redis.sentinelPodTemplate) : [],
    cassandra: cassandra.external ? [] : sidecarPorts(cassandra.podTemplate),
  } as const satisfies Record<string, readonly MetricsPort[]>;
}

/** The schema keeps a template as it is: what is no list of containers, or no port, the API server refuses with the workload. */
function sidecarPorts(template: PodTemplateOverlay | undefined): MetricsPort[] {
  const found = [...items(template?.spec?.containers)]
    .flatMap((container) => [...items(container.ports)])
    .filter(({ name, containerPort }) => name === SIDECAR_PORT && Number.isInteger(containerPort))
    .map(({ containerPort }) => containerPort as number);
  return [...new Set(found)].map((number) => ({ name: SIDECAR_PORT, number }));
}

function* items(list: unknown): Generator<Record<string, unknown>> {
  if (!Array.isArray(list)) return;
  for (const item of list as unknown[])
    if (typeof item === "object" && item !== null) yield item as Record<string, unknown>;
}
