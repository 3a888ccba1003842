import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { Registry } from "prom-client";
import { Controller, type ControllerOptions, type Reconcile } from "./controller.ts";
import { Informer } from "./informer.ts";
import { RuntimeMetrics } from "./metrics.ts";
import { controllerReference } from "./object.ts";
import { ConfigMap, Secret, Service } from "./scheme.ts";
import { configMap, countingClient, quietLogger } from "./testing/api.ts";

let server: ApiServer;

before(async () => {
  server = await startApiServer();
});
after(() => server.stop());

/** A controller of the ConfigMaps with the test's label, which owns Secrets and follows Services. */
async function startController(name: string, reconcile: Reconcile, options: Partial<ControllerOptions> = {}) {
  const { client } = countingClient(server.kubeconfig);
  const stop = new AbortController();
  const metrics = new RuntimeMetrics(new Registry());
  const [primary, owned, watched] = [ConfigMap, Secret, Service].map(
    (kind) => new Informer({ client, kind, logger: quietLogger, labelSelector: `test=${name}` }),
  ) as [Informer, Informer, Informer];
  const controller = new Controller({
    name,
    primary,
    owns: [owned],
    watches: [{ informer: watched, map: ({ metadata }) => [`default/${metadata.annotations?.concerns}`] }],
    reconcile,
    backoff: { baseMs: 20, capMs: 100, jitter: 0 },
    ...options,
  });
  const informing = controller.informers.map((informer) => informer.run(stop.signal));
  await Promise.all(controller.informers.map((informer) => informer.waitForSync(stop.signal)));
  const running = controller.run(stop.signal, quietLogger, metrics);
  return {
    client,
    controller,
    metrics,
    labels: { test: name },
    stop: () => stop.abort(),
    running,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([...informing, running]);
    },
  };
}

test("changes of the object, of what it owns and of what it watches reconcile it, and nothing else does", async () => {
  const seen: string[] = [];
  await using some = await startController("sources", async ({ namespace, name }) => {
    seen.push(`${namespace}/${name}`);
    return undefined;
  });
  const { client, labels } = some;
  const owner = await client.create(configMap("sources-owner", {}, { labels }));
  await until(() => seen.length === 1, "the new object is reconciled");

  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "owned", namespace: "default", labels } };
  await client.create({ ...secret, metadata: { ...secret.metadata, ownerReferences: [controllerReference(owner)] } });
  await until(() => seen.length === 2, "its child's arrival reconciles it");
  await client.delete(Secret, { namespace: "default", name: "owned" });
  await until(() => seen.length === 3, "its child's end reconciles it");

  // Of no owner, and of an owner of the same name but another kind: neither concerns it.
  await client.create({ ...secret, metadata: { ...secret.metadata, name: "free" } });
  const stranger = { ...controllerReference(owner), kind: "Deployment", apiVersion: "apps/v1" };
  await client.create({ ...secret, metadata: { ...secret.metadata, name: "strange", ownerReferences: [stranger] } });
  const annotations = { concerns: "sources-owner" };
  await client.create({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "watched", namespace: "default", labels, annotations },
    spec: { ports: [{ port: 80 }] },
  });
  await until(() => seen.length === 4, "a mapped change reconciles it");
  assert.deepEqual(new Set(seen), new Set(["default/sources-owner"]));
});

test("a failed reconcile is tried again with back-off and counted; requeueAfterMs brings it back", async () => {
  const times: number[] = [];
  await using some = await startController("errors", async () => {
    times.push(performance.now());
    if (times.length <= 3) throw new Error("not yet");
    return times.length === 4 ? { requeueAfterMs: 50 } : undefined;
  });
  await some.client.create(configMap("errors-1", {}, { labels: some.labels }));
  await until(() => times.length === 5, "it succeeds and comes back");
  const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  for (const [index, least] of [20, 40, 80, 50].entries())
    assert.ok((waits[index] ?? 0) >= least - 2, `wait ${index}: ${waits[index]} ms`);
  const { metrics } = some;
  assert.equal((await metrics.reconcileErrors.get()).values[0]?.value, 3);
  const durations = await until(async () => {
    const count = (await metrics.reconcileSeconds.get()).values.find(({ metricName }) =>
      metricName?.endsWith("_count"),
    );
    return count?.value === 5 && count;
  }, "the last one is counted");
  assert.deepEqual(durations.labels, { controller: "errors" });
});

test("one key is never worked on twice at once, others go on, and stopping waits for what is in work", async () => {
  const active = new Map<string, number>();
  let most = 0;
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  await using some = await startController(
    "workers",
    async ({ name }) => {
      runs += 1;
      active.set(name, (active.get(name) ?? 0) + 1);
      most = Math.max(most, active.get(name) ?? 0);
      if (name === "workers-0") await gate.promise;
      active.set(name, (active.get(name) ?? 0) - 1);
      return undefined;
    },
    { maxConcurrent: 2 },
  );
  const { client, labels } = some;
  await client.create(configMap("workers-0", {}, { labels }));
  await until(() => active.get("workers-0") === 1, "the slow key is in work");
  for (let number = 1; number <= 5; number += 1) {
    await client.create(configMap(`workers-${number}`, {}, { labels }));
    await client.mergePatch(
      ConfigMap,
      { namespace: "default", name: "workers-0" },
      { data: { number: String(number) } },
    );
  }
  await until(() => active.size === 6 && runs >= 6, "the others are done");
  assert.equal(most, 1);
  some.stop();
  let isStopped = false;
  void some.running.then(() => {
    isStopped = true;
  });
  await new Promise(setImmediate);
  assert.equal(isStopped, false);
  gate.resolve();
  await some.running;
  assert.equal(active.get("workers-0"), 0);
});
