import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Client, Deployment, Event, type KubernetesObject, Secret } from "../runtime/index.ts";
import { condition, createSample, sampleChild, sampleStatus } from "../testing/chat-cluster-api.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorSystem, startOperatorSystem } from "../testing/operator-system.ts";

let system: OperatorSystem;
let admin: Client;

before(async () => {
  system = await startOperatorSystem();
  ({ admin } = system);
});
after(() => system[Symbol.asyncDispose]());

function secret(namespace: string, name: string, data: Record<string, string>): KubernetesObject {
  const base64 = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, data: Object.fromEntries(base64) };
}

async function hasEvent(namespace: string, reason: string, text: string): Promise<boolean> {
  const { items } = await admin.list(Event, { namespace });
  return items.some((event) => event.reason === reason && String(event.note).includes(text));
}

test("a Secret with the key of tokens that is missing or unfit is named by a condition and an Event, and taken when it is there", async () => {
  const namespace = await restrictedNamespace(admin, "auth");
  await createSample(admin, namespace, { auth: { secretName: "own-key" } });
  const degraded = async () => condition(await sampleStatus(admin, namespace), "Degraded");
  assert.equal((await degraded())?.reason, "AuthSecretMissing");
  assert.match((await degraded())?.message ?? "", /own-key/);
  await until(() => hasEvent(namespace, "AuthSecretMissing", "own-key"), "an Event");
  await admin.apply(secret(namespace, "own-key", { "jwt-secret": "short" }));
  await until(async () => (await degraded())?.reason === "AuthSecretInvalid", "the short key to be refused");
  await admin.apply(secret(namespace, "own-key", { "jwt-secret": "k".repeat(32) }));
  await until(async () => (await degraded())?.status === "False", "the key to be taken");
  await assert.rejects(sampleChild(admin, namespace, Secret, "auth"), { code: "kubernetes_not_found" });
  const { spec } = await sampleChild(admin, namespace, Deployment, "chat");
  assert.match(
    JSON.stringify(spec),
    /"secretKeyRef":\{"name":"own-key","key":"jwt-secret"\}|"key":"jwt-secret","name":"own-key"/,
  );
});

test("without the Secret of a push service chat runs without that service and says so; with it the key is mounted", async () => {
  const namespace = await restrictedNamespace(admin, "push");
  await createSample(admin, namespace, { push: { fcm: { secretName: "firebase" } } });
  const degraded = async () => condition(await sampleStatus(admin, namespace), "Degraded");
  const template = async () => JSON.stringify((await sampleChild(admin, namespace, Deployment, "chat")).spec);
  assert.equal((await degraded())?.reason, "PushSecretMissing");
  assert.match((await degraded())?.message ?? "", /firebase.*spec\.push\.fcm\.secretName/);
  await until(() => hasEvent(namespace, "PushSecretMissing", "firebase"), "an Event");
  assert.doesNotMatch(await template(), /FCM/);
  await admin.apply(secret(namespace, "firebase", { "other.json": "{}" }));
  await until(async () => (await degraded())?.reason === "PushSecretInvalid", "the missing key to be told");
  assert.match((await degraded())?.message ?? "", /service-account\.json/);
  await admin.apply(secret(namespace, "firebase", { "service-account.json": "{}" }));
  await until(async () => /CHAT_FCM_SERVICE_ACCOUNT_FILE/.test(await template()), "the key to be mounted");
  await until(async () => (await degraded())?.status === "False", "the problem to be over");
});

test("a TLS Secret that is missing or holds no certificate is named", async () => {
  const namespace = await restrictedNamespace(admin, "tls");
  await createSample(admin, namespace, { ingress: { tls: { secretName: "chat-tls" } } });
  const degraded = async () => condition(await sampleStatus(admin, namespace), "Degraded");
  assert.equal((await degraded())?.reason, "TlsSecretMissing");
  await admin.apply(secret(namespace, "chat-tls", { "tls.crt": "none", "tls.key": "none" }));
  await until(async () => (await degraded())?.reason === "TlsSecretInvalid", "the texts to be refused");
  const pem = "-----BEGIN CERTIFICATE-----\n";
  await admin.apply(secret(namespace, "chat-tls", { "tls.crt": pem, "tls.key": pem }));
  await until(async () => (await degraded())?.status === "False", "the Secret to be taken");
});
