import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import type { ChatClusterStatus } from "../api/status.ts";
import type { Client } from "../runtime/index.ts";
import { chatCluster, clientOf, installCrd } from "../testing/chat-cluster-api.ts";
import { type OperatorProgram, startOperatorProgram } from "../testing/operator-program.ts";
import { CHAT_CLUSTER } from "./informers.ts";

/** The longest time that ChatClusters may go untended. */
const TAKE_OVER_MS = 20_000;

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

async function isActedOn(name: string): Promise<boolean> {
  const { status } = await admin.get(CHAT_CLUSTER, { namespace: "default", name });
  return (status as ChatClusterStatus | undefined)?.observedGeneration === 1;
}

async function writes(operator: OperatorProgram): Promise<number> {
  return [...(await operator.writes()).values()].reduce((sum, count) => sum + count, 0);
}

test("of two operators one works; when it is killed or stopped the other takes over in 20 s, and the stopped one writes no more", async () => {
  await using first = await startOperatorProgram(server.kubeconfigFile);
  await admin.create(chatCluster("one", {}));
  await until(() => isActedOn("one"), "the first operator to act");
  await using second = await startOperatorProgram(server.kubeconfigFile);
  await until(() => second.lines.some(({ msg }) => msg === "caches are in step with the API server"), "the standby");
  assert.equal(await writes(second), 0);

  // Stopped, as on a hung node: it does not know that time passes, and has not lost its connections.
  first.child.kill("SIGSTOP");
  await admin.create(chatCluster("two", {}));
  await until(() => isActedOn("two"), "the standby to take over", TAKE_OVER_MS);
  await using third = await startOperatorProgram(server.kubeconfigFile);
  await until(() => third.lines.some(({ msg }) => msg === "caches are in step with the API server"), "a new standby");
  const exited = once(first.child, "exit");
  first.child.kill("SIGCONT");
  assert.deepEqual(await exited, [1, null]);
  assert.match(JSON.stringify(first.lines.at(-1)), /leadership_lost/);
  assert.equal(await writes(third), 0);

  second.child.kill("SIGKILL");
  await admin.create(chatCluster("three", {}));
  await until(() => isActedOn("three"), "the next standby to take over", TAKE_OVER_MS);
});
