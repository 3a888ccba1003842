import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { ROTATE_ANNOTATION } from "../passwords/request.ts";
import { type Client, Deployment, Secret } from "../runtime/index.ts";
import { chatCluster, clientOf, condition, installCrd, sampleStatus } from "../testing/chat-cluster-api.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorProgram, startOperatorProgram } from "../testing/operator-program.ts";
import { playWorkloads, rollChatServers } from "../testing/played-workloads.ts";
import { CHAT_CLUSTER } from "./informers.ts";

const CRASHING = fileURLToPath(new URL("../testing/crashing-operator.ts", import.meta.url));
/** More than a rotation has. */
const STEPS = 32;
const SECRETS = ["admin", "redis", "cassandra", "cassandra-admin"];

let server: ApiServer;
let admin: Client;

before(async () => {
  server = await startApiServer();
  admin = clientOf(server.kubeconfig);
  await installCrd(admin);
});
after(async () => {
  admin.close();
  await server.stop();
});

/** @param crashAfter never, if left out */
function start(namespaces: readonly string[], crashAfter = 1e9): Promise<OperatorProgram> {
  const env = {
    CRASH_AFTER: String(crashAfter),
    PLAYED_STORES: "true",
    OPERATOR_WATCH_NAMESPACE: namespaces.join(","),
    OPERATOR_LEADER_ELECTION: "false",
  };
  return startOperatorProgram(server.kubeconfigFile, env, CRASHING);
}

/** Addresses of this machine at which nobody listens. */
const networkOf = (namespace: string) => `127.79.${namespace.split("-")[1]}`;

type Texts = Record<string, string>;

async function texts(namespace: string): Promise<Texts[]> {
  const secrets = await Promise.all(SECRETS.map((end) => admin.get(Secret, { namespace, name: `sample-${end}` })));
  return secrets.map(({ data }) => data as Texts);
}

const isSettled = async (namespace: string) =>
  condition(await sampleStatus(admin, namespace), "Progressing")?.status === "False";
const isOver = async (namespace: string) => (await sampleStatus(admin, namespace)).passwords?.rotatedFor === "now";

/** Rolls the chat servers once their template asks for it, and says whether the rotation is over. */
async function goOn(namespace: string, rolled: Set<string>): Promise<boolean> {
  const { spec } = await admin.get(Deployment, { namespace, name: "sample-chat" });
  const { annotations } = (spec as { template: { metadata: { annotations?: object } } }).template.metadata;
  if (annotations && !rolled.has(namespace)) {
    rolled.add(namespace);
    const drained = await rollChatServers(admin, namespace, networkOf(namespace));
    await drained();
  }
  return isOver(namespace);
}

/** ChatClusters of which everything runs and is Ready, made by an operator that has ended. */
async function makeReady(namespaces: readonly string[]): Promise<void> {
  await using _operator = await start(namespaces);
  for (const namespace of namespaces) {
    await restrictedNamespace(admin, namespace);
    const spec = { servers: { min: 1, replicas: 1 }, ingress: { mode: "None" } };
    await admin.create(chatCluster("sample", spec, namespace));
  }
  for (const namespace of namespaces) {
    await until(async () => (await sampleStatus(admin, namespace)).observedGeneration === 1, "a status");
    await playWorkloads(admin, namespace, networkOf(namespace));
  }
  for (const namespace of namespaces) await until(() => isSettled(namespace), `${namespace} to be at rest`, 60_000);
}

interface Interruption {
  readonly before: Texts[];
  readonly atCrash: Texts[];
}

/** Each Secret has another password, the one that was made first, and nothing is under way in it. */
function assertRotatedOnce(now: readonly Texts[], { before, atCrash }: Interruption, where: string): void {
  for (const [index, suffix] of SECRETS.entries()) {
    const [old = {}, crashed = {}, texts = {}] = [before[index], atCrash[index], now[index]];
    const key = suffix === "admin" ? "token" : "password";
    assert.notEqual(texts[key], old[key], `${suffix} after ${where}`);
    const made = crashed[`next-${key}`] ?? (crashed[key] === old[key] ? texts[key] : crashed[key]);
    assert.equal(texts[key], made, `${suffix} after ${where}: a second one was made`);
    const left = Object.keys(texts).filter((each) => /^(next|previous)-/.test(each));
    assert.deepEqual(left, [], `${suffix} after ${where}`);
  }
}

test("an operator that dies after any step of a rotation leaves what the next one ends, with the passwords that were made first", async (t) => {
  const namespaces = Array.from({ length: STEPS }, (_, index) => `rotation-${index + 1}`);
  await makeReady(namespaces);
  const rolled = new Set<string>();
  const interrupted = new Map<string, Interruption>();
  for (const [index, namespace] of namespaces.entries()) {
    const before = await texts(namespace);
    const metadata = { annotations: { [ROTATE_ANNOTATION]: "now" } };
    await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { metadata });
    await using operator = await start([namespace], index + 1);
    const hasCrashed = () => operator.child.signalCode === "SIGKILL";
    await until(async () => hasCrashed() || (await goOn(namespace, rolled)), `step ${index + 1}, or the end`, 30_000);
    if (!hasCrashed()) break;
    interrupted.set(namespace, { before, atCrash: await texts(namespace) });
  }
  t.diagnostic(`${interrupted.size} steps`);
  assert.ok(interrupted.size >= 18, "four Secrets thrice, two stores thrice and a roll");
  assert.ok(interrupted.size < STEPS, "none came to its end");

  await using _next = await start([...interrupted.keys()]);
  for (const [namespace, interruption] of interrupted) {
    await until(() => goOn(namespace, rolled), `${namespace} to be over`, 30_000);
    assertRotatedOnce(await texts(namespace), interruption, namespace);
  }
});
