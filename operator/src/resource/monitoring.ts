import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { metricsPorts } from "./metrics-ports.ts";
import type { Component } from "./names.ts";
import { metricsNetworkPolicy } from "./network-policy.ts";
import { podMonitor } from "./pod-monitor.ts";
import { render } from "./render.ts";

/** Of these the metrics' ports are closed by a policy of their own; the stores' policies close all but what is let in. */
const CLOSED = ["chat", "ingress"] as const satisfies readonly Component[];

/**
 * What reads metrics, and who may.
 *
 * @param withPodMonitors whether their kind is there
 */
export function monitoringObjects(
  cluster: ChatCluster,
  operatorNamespace: string,
  withPodMonitors: boolean,
): KubernetesObject[] {
  const { networkPolicies, monitoring } = cluster.spec;
  const ports = metricsPorts(cluster);
  const closed = networkPolicies && monitoring.scrapers.length > 0 ? CLOSED : [];
  const monitor = withPodMonitors ? monitoring.podMonitor : undefined;
  const components = Object.keys(ports) as (keyof typeof ports)[];
  return render(cluster, (scope) => {
    for (const component of closed.filter((each) => ports[each].length > 0))
      metricsNetworkPolicy(scope, cluster, component, ports[component], operatorNamespace);
    if (!monitor) return;
    for (const component of components.filter((each) => ports[each].length > 0))
      podMonitor(scope, cluster, component, ports[component], monitor);
  });
}
