import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { Registry } from "prom-client";
import { EventRecorder } from "./events.ts";
import { RuntimeMetrics } from "./metrics.ts";
import { Event } from "./scheme.ts";
import { configMap, countingClient, quietLogger } from "./testing/api.ts";
import { FakeClock } from "./testing/fake-clock.ts";

let server: ApiServer;

before(async () => {
  server = await startApiServer();
});
after(() => server.stop());

const refused = {
  type: "Warning",
  reason: "ScaleDownRefused",
  action: "Scale",
  note: "no room for 2 servers",
} as const;

function startRecorder(name: string) {
  const { client, writes } = countingClient(server.kubeconfig, { timeoutMs: 2_000 });
  const clock = new FakeClock();
  const metrics = new RuntimeMetrics(new Registry());
  const identity = { reportingController: "chatcluster.dev/operator", reportingInstance: "pod-1" };
  const recorder = new EventRecorder({ client, clock, metrics, logger: quietLogger, ...identity, burst: 5 });
  const object = configMap(name, {}, { uid: `uid-of-${name}`, resourceVersion: "7" });
  return {
    clock,
    writes,
    object,
    recorder,
    list: async () =>
      (await client.list(Event)).items.filter(({ regarding }) => (regarding as { name: string }).name === name),
    dropped: async (reason: string) =>
      (await metrics.eventsDropped.get()).values.find(({ labels }) => labels.reason === reason)?.value ?? 0,
  };
}

test("an Event says what happened to what, why, and who tells", async () => {
  const { recorder, object, list } = startRecorder("plain");
  recorder.record(object, refused);
  await recorder.flush();
  const [event] = await list();
  assert.deepEqual(event?.regarding, {
    apiVersion: "v1",
    kind: "ConfigMap",
    name: "plain",
    namespace: "default",
    uid: "uid-of-plain",
    resourceVersion: "7",
  });
  const { type, reason, action, note, reportingController, reportingInstance } = event as Record<string, unknown>;
  assert.deepEqual({ type, reason, action, note }, refused);
  assert.deepEqual([reportingController, reportingInstance], ["chatcluster.dev/operator", "pod-1"]);
});

test("the same Event again is counted in a series, written once a minute at most, and new after six minutes", async () => {
  const { recorder, object, list, clock, writes } = startRecorder("series");
  const seriesOf = async () => (await list()).map(({ series }) => (series as { count: number } | undefined)?.count);
  const record = async (times: number) => {
    for (let time = 0; time < times; time += 1) {
      recorder.record(object, refused);
      await recorder.flush();
    }
  };
  await record(100);
  assert.equal(writes(), 2);
  assert.deepEqual(await seriesOf(), [2]);
  clock.advance(60_000);
  await record(1);
  assert.deepEqual(await seriesOf(), [101]);
  clock.advance(360_000);
  await record(1);
  assert.equal((await list()).length, 2);
});

test("new Events are limited per object, and the dropped ones are counted", async () => {
  const { recorder, object, list, clock, dropped } = startRecorder("limited");
  for (let number = 0; number < 20; number += 1) recorder.record(object, { ...refused, note: `number ${number}` });
  recorder.record({ ...object, metadata: { ...object.metadata, name: "limited", uid: "another" } }, refused);
  await recorder.flush();
  assert.equal((await list()).length, 6);
  assert.equal(await dropped("rate_limit"), 15);
  clock.advance(60_000);
  recorder.record(object, { ...refused, note: "a minute later" });
  await recorder.flush();
  assert.equal((await list()).length, 7);
});

test("a note that is too long is cut at a character; a name that is too long is cut too", async () => {
  const { recorder, object, list, dropped } = startRecorder("n".repeat(253));
  recorder.record(object, { ...refused, note: "€".repeat(1_000) });
  await recorder.flush();
  assert.equal(await dropped("error"), 0);
  const [event] = await list();
  assert.match(String(event?.note), /^€+…$/);
});

test("an Event that cannot be written is counted and harms nobody; it is written when it happens again", async () => {
  const { recorder, object, list, dropped } = startRecorder("lost");
  server.pause();
  recorder.record(object, refused);
  await recorder.flush();
  server.resume();
  assert.equal(await dropped("error"), 1);
  recorder.record(object, refused);
  await recorder.flush();
  assert.ok((await list()).length > 0);
});
