import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import type { KubeConfig } from "@kubernetes/client-node";
import { ROTATE_ANNOTATION } from "../passwords/request.ts";
import { type Client, Deployment, Event, Secret, StatefulSet } from "../runtime/index.ts";
import {
  clientOf,
  condition,
  createSample,
  installCrd,
  sampleChild,
  sampleStatus,
} from "../testing/chat-cluster-api.ts";
import { operatorAccount, restrictedNamespace, startOperator } from "../testing/operator-fixture.ts";
import { playWorkloads, rollChatServers } from "../testing/played-workloads.ts";
import { CHAT_CLUSTER } from "./informers.ts";

let server: ApiServer;
let admin: Client;
let account: KubeConfig;
let operator: Awaited<ReturnType<typeof startOperator>>;

before(async () => {
  server = await startApiServer();
  admin = clientOf(server.kubeconfig);
  await installCrd(admin);
  account = await operatorAccount(server, admin);
  operator = await startOperator(account);
});
after(async () => {
  await operator[Symbol.asyncDispose]();
  admin.close();
  await server.stop();
});

/** A ChatCluster of which everything runs and is Ready. */
async function ready(t: TestContext, name: string, spec: Record<string, unknown> = {}): Promise<string> {
  const namespace = await restrictedNamespace(admin, name);
  t.after(() => admin.delete(CHAT_CLUSTER, { namespace, name: "sample" }));
  await createSample(admin, namespace, { servers: { min: 1, replicas: 1 }, ingress: { mode: "None" }, ...spec });
  await playWorkloads(admin, namespace);
  await until(
    async () => condition(await sampleStatus(admin, namespace), "Progressing")?.status === "False",
    "nothing to be under way",
    20_000,
    { detail: () => namespace },
  );
  return namespace;
}

async function ask(namespace: string, value: string): Promise<void> {
  const metadata = { annotations: { [ROTATE_ANNOTATION]: value } };
  await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { metadata });
}

async function texts(namespace: string, suffix: string): Promise<Record<string, string>> {
  const { data } = await sampleChild(admin, namespace, Secret, suffix);
  return Object.fromEntries(
    Object.entries(data as Record<string, string>).map(([key, value]) => [
      key,
      Buffer.from(value, "base64").toString(),
    ]),
  );
}

const progressing = async (namespace: string) => condition(await sampleStatus(admin, namespace), "Progressing");

async function comesTo(namespace: string, message: RegExp): Promise<void> {
  let last = "";
  await until(
    async () => {
      const now = await progressing(namespace);
      last = JSON.stringify(now);
      return now?.reason === "RotatingPasswords" && message.test(now.message);
    },
    `the rotation to come to ${message}`,
    20_000,
    { detail: () => last },
  );
}

async function isOver(namespace: string, request: string): Promise<void> {
  await until(
    async () => (await sampleStatus(admin, namespace)).passwords?.rotatedFor === request,
    "the rotation to be over",
    20_000,
  );
}

async function events(namespace: string, reason: string): Promise<string[]> {
  const { items } = await admin.list(Event, { namespace });
  return items.filter((event) => event.reason === reason).map(({ note }) => String(note));
}

const chatTemplate = async (namespace: string) => {
  const { spec } = await sampleChild(admin, namespace, Deployment, "chat");
  return (spec as { template: { metadata: { annotations?: Record<string, string> } } }).template.metadata.annotations;
};

/** Has the chat servers rolled as their Deployment asks for it. */
async function roll(namespace: string, times = 1): Promise<void> {
  await until(() => chatTemplate(namespace), "the chat servers to be rolled");
  const drained = await rollChatServers(admin, namespace, undefined, times);
  await drained();
}

test("asked for by an annotation, every password of the stores is another one, and until then both are accepted", async (t) => {
  const namespace = await ready(t, "rotation");
  const before = { redis: await texts(namespace, "redis"), cassandra: await texts(namespace, "cassandra") };
  assert.deepEqual(Object.keys(before.redis).sort(), ["auth.conf", "password"]);
  assert.equal(operator.redisPasswords.told.size, 0, "nobody is told what it has read itself");
  assert.equal(await chatTemplate(namespace), undefined);

  operator.redisPasswords.away.add("sample-redis-0");
  await ask(namespace, "2026-01");
  await comesTo(namespace, /the stores learn the next ones/);
  const adding = { redis: await texts(namespace, "redis"), cassandra: await texts(namespace, "cassandra") };
  assert.equal(adding.redis.password, before.redis.password);
  assert.notEqual(adding.redis["next-password"], before.redis.password);
  assert.equal(adding.redis["auth.conf"]?.match(/#[0-9a-f]{64}/g)?.length, 2, "a Redis that starts accepts both");
  assert.equal(adding.cassandra["next-username"], "chat_2");
  await until(
    async () => condition(await sampleStatus(admin, namespace), "Degraded")?.reason === "PasswordsNotApplied",
    "the Redis that is away to be named",
  );
  assert.equal((await texts(namespace, "redis")).password, before.redis.password, "nobody gets one that Redis refuses");

  operator.redisPasswords.away.clear();
  await comesTo(namespace, /chat servers are replaced/);
  const moving = { redis: await texts(namespace, "redis"), cassandra: await texts(namespace, "cassandra") };
  assert.equal(moving.redis.password, adding.redis["next-password"]);
  assert.equal(moving.redis["previous-password"], before.redis.password);
  assert.equal(moving.cassandra.username, "chat_2");
  await until(() => chatTemplate(namespace), "the chat servers to be rolled");
  const told = () => operator.redisPasswords.told.get("sample-redis-0")?.accepted ?? [];
  await until(() => told()[0] === adding.redis["next-password"], "Redis to be told");
  assert.deepEqual(told()[1], before.redis.password);

  // A server with the new logins is there, and one with the old drains.
  const drained = await rollChatServers(admin, namespace);
  assert.equal((await texts(namespace, "redis"))["previous-password"], before.redis.password);
  await drained();
  await isOver(namespace, "2026-01");
  const after = { redis: await texts(namespace, "redis"), cassandra: await texts(namespace, "cassandra") };
  const { "auth.conf": file, ...keys } = after.redis;
  assert.deepEqual(Object.keys(keys).sort(), ["password", "rotated-at", "rotated-for"]);
  assert.equal(file?.match(/#[0-9a-f]{64}/g)?.length, 1);
  assert.deepEqual(Object.keys(after.cassandra).sort(), ["password", "rotated-at", "rotated-for", "username"]);
  assert.deepEqual(operator.redisPasswords.told.get("sample-redis-0")?.accepted, [after.redis.password]);
  const { admin: superuser, chat, retired } = operator.credentials.requests.at(-1) ?? assert.fail("no roles");
  assert.deepEqual([superuser.username, chat.username], ["chatcluster_operator_2", "chat_2"]);
  assert.deepEqual(retired, ["chat", "chatcluster_operator"]);
  assert.equal((await events(namespace, "PasswordRotationStarted")).length, 1);
  await until(async () => (await events(namespace, "PasswordsRotated")).length === 1, "an Event");
  await until(async () => (await progressing(namespace))?.status === "False", "rest");
  assert.deepEqual(await operator.forbidden(), []);
});

test("once rotated nothing is written any more, also by the next operator and with the annotation taken off", async (t) => {
  const namespace = await ready(t, "once");
  await ask(namespace, "a");
  await comesTo(namespace, /chat servers are replaced/);
  await roll(namespace);
  await isOver(namespace, "a");
  const secret = await texts(namespace, "redis");
  await until(async () => (await progressing(namespace))?.status === "False", "rest");
  await operator[Symbol.asyncDispose]();
  operator = await startOperator(account);
  await until(() => operator.redisPasswords.told.size > 0, "Redis to be told once more");
  const metadata = { annotations: { [ROTATE_ANNOTATION]: null } };
  await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { metadata });
  const reconciles = await operator.reconciles();
  await until(async () => (await operator.reconciles()) > reconciles + 2, "further looks");
  assert.equal(await operator.writes(), 0);
  assert.deepEqual(await texts(namespace, "redis"), secret);
});

test("a ChatCluster that is made with the annotation has passwords as new as that; another value rotates them", async (t) => {
  const namespace = await restrictedNamespace(admin, "made-with");
  t.after(() => admin.delete(CHAT_CLUSTER, { namespace, name: "sample" }));
  await admin.create({
    apiVersion: CHAT_CLUSTER.apiVersion,
    kind: CHAT_CLUSTER.kind,
    metadata: { name: "sample", namespace, annotations: { [ROTATE_ANNOTATION]: "first" } },
    spec: { servers: { min: 1, replicas: 1 }, ingress: { mode: "None" }, redis: { mode: "sentinel" } },
  });
  await until(async () => (await sampleStatus(admin, namespace)).observedGeneration === 1, "a status");
  const made = await texts(namespace, "redis");
  assert.equal(made["rotated-for"], "first");
  assert.equal(made["next-password"], undefined);
  assert.match(made["auth.conf"] ?? "", /^user operator on #[0-9a-f]{64} /m);
  const { spec } = await sampleChild(admin, namespace, StatefulSet, "redis");
  assert.doesNotMatch(JSON.stringify(spec), /secretKeyRef/);
});

test("by the days of the spec they are replaced without being asked, and the days begin anew", async (t) => {
  const namespace = await ready(t, "days");
  const long = new Date(Date.now() - 40 * 86_400_000).toISOString().slice(0, 19);
  // As an operator of forty days ago would have left it.
  const data = { "rotated-at": Buffer.from(`${long}Z`).toString("base64") };
  for (const suffix of ["admin", "redis", "cassandra", "cassandra-admin"])
    await admin.mergePatch(Secret, { namespace, name: `sample-${suffix}` }, { data });
  await roll(namespace);
  await until(async () => (await progressing(namespace))?.status === "False", "rest");
  const rolled = await chatTemplate(namespace);
  await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec: { passwords: { rotationDays: 30 } } });
  await comesTo(namespace, /chat servers are replaced/);
  await until(async () => !isDeepStrictEqual(await chatTemplate(namespace), rolled), "a roll");
  await roll(namespace, 2);
  await until(
    async () => Date.parse((await sampleStatus(admin, namespace)).passwords?.rotatedAt ?? "") > Date.now() - 60_000,
    "the rotation to be over",
    20_000,
  );
  await until(async () => (await progressing(namespace))?.status === "False", "rest");
});
