import { Gauge, type Registry } from "prom-client";
import type { ChatClusterStatus } from "../api/status.ts";
import type { Informer } from "../runtime/index.ts";

const VALUES = { True: 1, False: 0, Unknown: -1 } as const;

/**
 * `chatcluster_condition`: the conditions of every ChatCluster as they are stored, 1 for True, 0 for False, -1 for Unknown. They are read from the cache
 * when somebody asks, on every replica. `namespace` would be the label of the operator's own pod.
 */
export function conditionMetrics(registry: Registry, chatClusters: Pick<Informer, "list">): void {
  new Gauge({
    name: "chatcluster_condition",
    help: "Conditions of ChatClusters: 1 True, 0 False, -1 Unknown",
    labelNames: ["chat_namespace", "chat_cluster", "type"],
    registers: [registry],
    collect() {
      // A ChatCluster that is gone has no condition any more.
      this.reset();
      for (const { metadata, status } of chatClusters.list()) {
        const labels = { chat_namespace: metadata.namespace ?? "", chat_cluster: metadata.name };
        for (const { type, status: is } of ((status ?? {}) as ChatClusterStatus).conditions ?? [])
          this.set({ ...labels, type }, VALUES[is]);
      }
    },
  });
}
