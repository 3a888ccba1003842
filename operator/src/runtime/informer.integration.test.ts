import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { Informer, type InformerOptions } from "./informer.ts";
import { ConfigMap, CustomResourceDefinition, resourceKind, Scheme } from "./scheme.ts";
import { configMap, countingClient, quietLogger } from "./testing/api.ts";
import { startTcpProxy } from "./testing/tcp-proxy.ts";

let server: ApiServer;

before(async () => {
  server = await startApiServer();
});
after(() => server.stop());

/** A running informer of the ConfigMaps with the test's label, its counts and a client to change them. */
function startInformer(name: string, options: Partial<InformerOptions> = {}) {
  const { client } = countingClient(server.kubeconfig, { timeoutMs: 2_000 });
  const stop = new AbortController();
  const restarts: string[] = [];
  const log: string[] = [];
  const informer = new Informer({
    client,
    kind: ConfigMap,
    logger: quietLogger,
    labelSelector: `test=${name}`,
    onWatchRestart: (_resource, reason) => restarts.push(reason),
    ...options,
  });
  informer.addHandler({
    added: ({ metadata }) => log.push(`added ${metadata.name}`),
    updated: (_, { metadata }) => log.push(`updated ${metadata.name}`),
    deleted: ({ metadata }) => log.push(`deleted ${metadata.name}`),
  });
  const running = informer.run(stop.signal);
  const labels = { labels: { test: name } };
  return {
    client,
    informer,
    log,
    restarts,
    make: (object: string, data = {}) => client.create(configMap(object, data, labels)),
    remove: (object: string) => client.delete(ConfigMap, { namespace: "default", name: object }),
    has: (object: string) => informer.get(`default/${object}`) !== undefined,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      client.close();
    },
  };
}

test("a list of several pages, then every change in order, without managedFields and only of the selection", async () => {
  await using some = startInformer("pages");
  const names = Array.from({ length: 620 }, (_, index) => `page-${index}`);
  for (let start = 0; start < names.length; start += 50)
    await Promise.all(names.slice(start, start + 50).map((name) => some.make(name)));
  await using second = startInformer("pages");
  await until(() => second.informer.hasSynced && second.informer.size === 620, "620 objects are listed");
  assert.equal(second.informer.get("default/page-0")?.metadata.managedFields, undefined);
  assert.equal(second.informer.get("default/page-0")?.kind, "ConfigMap");
  const { client } = second;
  await client.mergePatch(ConfigMap, { namespace: "default", name: "page-1" }, { data: { changed: "yes" } });
  await second.remove("page-1");
  await client.create(configMap("unselected"));
  await second.make("page-last");
  await until(() => second.has("page-last"), "the last change is seen");
  assert.deepEqual(second.log.slice(620), ["updated page-1", "deleted page-1", "added page-last"]);
});

test("a change is seen within 200 ms", async () => {
  await using some = startInformer("fast");
  await until(() => some.informer.hasSynced, "it is in step");
  await some.make("fast-1");
  const startedMs = performance.now();
  await until(() => some.has("fast-1"), "the new object is seen");
  assert.ok(performance.now() - startedMs < 200, `${performance.now() - startedMs} ms`);
});

test("an API server that is killed and comes back: what changed meanwhile is seen, deletions too", async () => {
  await using some = startInformer("restart");
  await some.make("restart-old");
  await until(() => some.has("restart-old"), "the first object is seen");
  await server.kill();
  await until(() => some.restarts.includes("error"), "the watch is lost");
  await server.restart();
  await some.remove("restart-old");
  await some.make("restart-new");
  await until(() => some.has("restart-new") && !some.has("restart-old"), "both changes are seen");
  assert.ok(some.log.includes("deleted restart-old"));
});

test("a version that etcd has compacted gives 410: the informer lists again and tells of deletions it missed", async () => {
  await using proxy = await startTcpProxy(Number(new URL(server.url).port));
  const { client } = countingClient(server.kubeconfig.replace(server.url, `https://127.0.0.1:${proxy.port}`));
  await using some = startInformer("gone", { client });
  await some.make("gone-old");
  await until(() => some.has("gone-old"), "the first object is seen");
  proxy.cut();
  await some.remove("gone-old");
  await some.make("gone-new");
  const direct = countingClient(server.kubeconfig).client;
  await compact((await direct.list(ConfigMap)).resourceVersion);
  // Else the API server would still answer from its own memory of the last changes.
  await server.kill();
  await server.restart();
  proxy.mend();
  await until(() => some.restarts.includes("gone"), "the version is refused");
  await until(() => some.has("gone-new") && !some.has("gone-old"), "the informer goes on");
  assert.ok(some.log.includes("deleted gone-old"));
});

test("a server that hangs with its connections open: the watch is ended by the watchdog and nothing is missed", async () => {
  await using some = startInformer("hang", { watchTimeoutSeconds: 2, watchGraceMs: 500 });
  await until(() => some.informer.hasSynced, "it is in step");
  await until(() => some.restarts.includes("timeout"), "a watch has ended in time");
  server.pause();
  try {
    await until(() => some.restarts.includes("stale"), "the hung watch is found");
  } finally {
    server.resume();
  }
  await until(
    () =>
      some.make("hang-1").then(
        () => true,
        () => false,
      ),
    "the API server answers",
  );
  await until(() => some.has("hang-1"), "the change is seen");
});

test("a kind that is not installed is an empty copy in step; installed it is read once asked for, removed it is empty again", async () => {
  const kind = resourceKind("test.example/v1", "Later", "laters");
  const { client } = countingClient(server.kubeconfig, { scheme: new Scheme(kind) });
  const lists: number[] = [];
  const counted = countingClient(server.kubeconfig, {
    onCall: ({ verb, status }) => {
      if (verb === "list") lists.push(status);
    },
  });
  await using some = startInformer("optional", { client: counted.client, kind, optional: true });
  await until(() => some.informer.hasSynced, "it to be in step");
  assert.equal(some.informer.refusal?.status, 404);
  assert.equal(some.informer.isStale, false);
  // As long as a look that nobody asked for would take to come.
  const askedMs = performance.now();
  await until(() => performance.now() - askedMs > 5_000, "five seconds", 10_000);
  assert.deepEqual(lists, [404]);

  const names = { kind: kind.kind, plural: kind.resource, singular: "later" };
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const versions = [{ name: "v1", served: true, storage: true, schema }];
  const crd = { group: "test.example", scope: "Namespaced", names, versions };
  const definition = { apiVersion: CustomResourceDefinition.apiVersion, kind: CustomResourceDefinition.kind };
  await client.create({ ...definition, metadata: { name: "laters.test.example" }, spec: crd });
  const object = { apiVersion: kind.apiVersion, kind: kind.kind };
  const labels = { test: "optional" };
  const make = () =>
    client.create({ ...object, metadata: { name: "one", namespace: "default", labels } }).then(
      () => true,
      () => false,
    );
  await until(make, "the kind to be served");
  await until(() => {
    some.informer.lookAgain();
    return some.has("one");
  }, "the object to be seen");
  assert.equal(some.informer.refusal, undefined);

  await client.delete(CustomResourceDefinition, { namespace: "", name: "laters.test.example" });
  await until(() => some.informer.refusal?.status === 404, "the kind to be gone", 30_000);
  assert.equal(some.informer.size, 0);
  assert.deepEqual(some.log, ["added one", "deleted one"]);
  client.close();
});

/** Through etcd's JSON gateway. https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/ */
async function compact(revision: string): Promise<void> {
  const commandLine = await readFile(`/proc/${server.pid}/cmdline`, "utf8");
  const etcd = /--etcd-servers=([^\0]+)/.exec(commandLine)?.[1];
  const reply = await fetch(`${etcd}/v3/kv/compaction`, {
    method: "POST",
    body: JSON.stringify({ revision, physical: true }),
  });
  assert.equal(reply.status, 200, await reply.text());
}
