import type { ChatCluster } from "../api/chat-cluster.ts";

/** What many a Prometheus' configuration looks for on pods; none where the spec does not ask for it. It names one port of a pod. */
export function scrapeAnnotations({ spec }: ChatCluster, port: number): Record<string, string> {
  if (!spec.monitoring.scrapeAnnotations) return {};
  return { "prometheus.io/scrape": "true", "prometheus.io/port": String(port), "prometheus.io/path": "/metrics" };
}
