import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { type KubernetesObject, Lease } from "./index.ts";
import { ConfigMap, Event } from "./scheme.ts";
import { configMap, countingClient } from "./testing/api.ts";

const PROGRAM = fileURLToPath(new URL("./testing/manager-process.ts", import.meta.url));
/** The design's bound for a standby to take over. */
const TAKE_OVER_MS = 20_000;

let server: ApiServer;
let client: ReturnType<typeof countingClient>["client"];
const started = new Set<ChildProcess>();

before(async () => {
  server = await startApiServer();
  client = countingClient(server.kubeconfig).client;
});
after(async () => {
  for (const child of started) child.kill("SIGKILL");
  await server.stop();
});

interface Instance {
  readonly child: ChildProcess;
  readonly lines: Record<string, unknown>[];
  get(path: string): Promise<{ status: number; body: string }>;
}

async function startInstance(name: string): Promise<Instance> {
  const child = spawn(process.execPath, [PROGRAM, name, server.kubeconfigFile], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.add(child);
  const lines: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  const { healthPort } = await until(() => lines.find((line) => "healthPort" in line), `${name} listens`);
  return {
    child,
    lines,
    async get(path) {
      const reply = await fetch(`http://127.0.0.1:${healthPort}${path}`);
      return { status: reply.status, body: await reply.text() };
    },
  };
}

async function leader(): Promise<string> {
  const lease = await client.get(Lease, { namespace: "default", name: "manager-test" });
  return String((lease.spec as { holderIdentity?: string }).holderIdentity).split("_")[0] ?? "";
}

const setValue = (name: string, value: string) =>
  client.mergePatch(ConfigMap, { namespace: "default", name }, { data: { value } });
const annotationsOf = (object: KubernetesObject) => object.metadata.annotations ?? {};

/** Resolves to who has acted on the value. */
function seenBy(name: string, value: string, timeoutMs?: number): Promise<string | undefined> {
  const probe = async () => {
    const { seen, by } = annotationsOf(await client.get(ConfigMap, { namespace: "default", name }));
    return seen === value && by;
  };
  return until(probe, `somebody has seen ${value}`, timeoutMs) as Promise<string | undefined>;
}

test("one of several leads; a stopped, killed or ended leader is replaced in time, and the stopped one writes nothing more", async () => {
  await client.create(configMap("work", { value: "0" }, { labels: { managed: "yes" } }));
  const a = await startInstance("a");
  assert.equal(await seenBy("work", "0"), "a");
  const b = await startInstance("b");

  // SIGSTOP: its connections stay open and it does not know that time passes.
  a.child.kill("SIGSTOP");
  await setValue("work", "1");
  assert.equal(await seenBy("work", "1", TAKE_OVER_MS), "b");
  const exited = once(a.child, "exit");
  a.child.kill("SIGCONT");
  assert.deepEqual(await exited, [1, null]);
  await until(() => a.lines.some(({ failed }) => failed === "leadership_lost"), "the old leader says why");
  assert.equal(await leader(), "b");
  assert.equal(annotationsOf(await client.get(ConfigMap, { namespace: "default", name: "work" })).by, "b");

  const c = await startInstance("c");
  b.child.kill("SIGKILL");
  await setValue("work", "2");
  assert.equal(await seenBy("work", "2", TAKE_OVER_MS), "c");

  // SIGTERM gives the lease up: nobody waits for it to expire.
  await startInstance("d");
  const ended = once(c.child, "exit");
  c.child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  await setValue("work", "3");
  assert.equal(await seenBy("work", "3", 6_000), "d");
});

test("a change is acted on within a second and told by an Event", async () => {
  const instance = [...started].at(-1);
  assert.ok(instance && instance.exitCode === null, "the last leader runs");
  await client.create(configMap("quick", { value: "0" }, { labels: { managed: "yes" } }));
  await seenBy("quick", "0");
  const startedMs = performance.now();
  await setValue("quick", "1");
  await seenBy("quick", "1");
  assert.ok(performance.now() - startedMs < 1_000, `${performance.now() - startedMs} ms`);
  await until(async () => {
    const { items } = await client.list(Event, { namespace: "default" });
    return items.some(({ note, regarding }) => note === "value 1" && (regarding as { name: string }).name === "quick");
  }, "the Event is written");
});

test("health says what is missing, and metrics are served", async () => {
  const instance = await startInstance("e");
  await until(async () => (await instance.get("/readyz")).status === 200, "it is ready");
  assert.equal((await instance.get("/healthz")).status, 200);
  assert.equal((await instance.get("/nothing")).status, 404);
  const { body } = await instance.get("/metrics");
  for (const name of [
    "controller_runtime_reconcile_time_seconds",
    // A standby's queue is full, so that it can start at once.
    'workqueue_depth{controller="test"} 2',
    'kubernetes_api_calls_total{verb="list",resource="configmaps",status="200"} 1',
    'kubernetes_api_call_seconds_count{verb="list"} 1',
    "kubernetes_watch_restarts_total",
    'kubernetes_cached_objects{resource="configmaps"} 2',
    "leader_election_master_status 0",
  ])
    assert.ok(body.includes(name), `${name} in\n${body}`);
  server.pause();
  try {
    const late = await startInstance("f");
    const { status, body: missing } = await late.get("/readyz");
    assert.equal(status, 503);
    assert.match(missing, /configmaps not listed yet/);
    const ended = once(late.child, "exit");
    late.child.kill("SIGTERM");
    await ended;
  } finally {
    server.resume();
  }
});
