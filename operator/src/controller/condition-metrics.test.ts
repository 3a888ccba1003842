import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import type { KubernetesObject } from "../runtime/index.ts";
import { conditionMetrics } from "./condition-metrics.ts";

test("each condition of each ChatCluster is a figure, and those of one that is gone are gone", async () => {
  const cluster = (name: string, ...conditions: [type: string, status: string][]): KubernetesObject => ({
    apiVersion: "chatcluster.dev/v1beta1",
    kind: "ChatCluster",
    metadata: { name, namespace: "n" },
    status: { conditions: conditions.map(([type, status]) => ({ type, status })) },
  });
  const bare = { ...cluster("bare"), status: undefined };
  let clusters = [cluster("a", ["Ready", "True"], ["Degraded", "False"]), cluster("b", ["Ready", "Unknown"]), bare];
  const registry = new Registry();
  conditionMetrics(registry, { list: () => clusters });
  const lines = async () => (await registry.metrics()).split("\n").filter((line) => /^chatcluster/.test(line));
  assert.deepEqual(await lines(), [
    'chatcluster_condition{chat_namespace="n",chat_cluster="a",type="Ready"} 1',
    'chatcluster_condition{chat_namespace="n",chat_cluster="a",type="Degraded"} 0',
    'chatcluster_condition{chat_namespace="n",chat_cluster="b",type="Ready"} -1',
  ]);
  clusters = [bare];
  assert.deepEqual(await lines(), []);
});
