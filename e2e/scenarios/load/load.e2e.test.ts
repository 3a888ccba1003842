import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "@chatcluster/loadtest/run";
import { clusterIsUp } from "../../support/cluster.ts";

test("k6 puts rooms of users on the cluster through the ingress: nothing is lost, nothing doubled", async (t) => {
  const cluster = await clusterIsUp();
  const folder = await mkdtemp(join(tmpdir(), "loadtest-"));
  t.after(() => rm(folder, { recursive: true }));
  // Latency is printed, not judged: the machine that runs the tests has other things to do.
  const { results } = await run(
    { profile: "e2e", size: { rooms: 10, users: 10, rate: 0.5, duration: "15s" }, url: cluster.chatUrl },
    { PATH: process.env.PATH, CHAT_JWT_SECRET: cluster.key, LATENCY_P99_MS: "60000" },
    folder,
  );
  const { metrics, thresholds } = results;
  t.diagnostic(
    `${metrics.acknowledged?.count} messages to 10 members each: delivery median ${metrics.delivery_latency?.med} ms, ` +
      `99th percentile ${metrics.delivery_latency?.["p(99)"]} ms`,
  );
  const crossed = thresholds.filter(({ ok }) => !ok).map(({ metric }) => metric);
  assert.deepEqual(crossed, []);
  assert.ok((metrics.acknowledged?.count ?? 0) > 500, "there was traffic");
  assert.equal(metrics.delivered?.count, (metrics.acknowledged?.count ?? 0) * 10);
});
