import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { MonitoringSpec } from "../api/spec/monitoring.ts";
import { PodMonitor } from "../runtime/scheme.ts";
import type { MetricsPort } from "./metrics-ports.ts";
import { type Component, childName, labels, selectorLabels } from "./names.ts";

/** Labels of the pods that their series get: by them one ChatCluster's are told from another's. */
const POD_TARGET_LABELS = ["app.kubernetes.io/instance", "app.kubernetes.io/component"];

/** `NAME-COMPONENT`, a PodMonitor of the component's pods. */
export function podMonitor(
  scope: Construct,
  cluster: ChatCluster,
  component: Component,
  ports: readonly MetricsPort[],
  { interval, labels: own }: NonNullable<MonitoringSpec["podMonitor"]>,
): void {
  new ApiObject(scope, `${component}-pod-monitor`, {
    apiVersion: PodMonitor.apiVersion,
    kind: PodMonitor.kind,
    metadata: { name: childName(cluster, component), labels: { ...own, ...labels(cluster, "monitoring") } },
    spec: {
      selector: { matchLabels: selectorLabels(cluster, component) },
      podTargetLabels: POD_TARGET_LABELS,
      // A name stands for every port of that name in a pod.
      podMetricsEndpoints: [...new Set(ports.map(({ name }) => name))].map((port) => ({
        port,
        path: "/metrics",
        interval,
      })),
    },
  });
}
