import assert from "node:assert/strict";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { CHAT_CLUSTER } from "../controller/informers.ts";
import type { Client } from "../runtime/index.ts";
import { clientOf, installCrd } from "./chat-cluster-api.ts";
import { operatorAccount, startOperator } from "./operator-fixture.ts";

/** A real API server with the CRD, an administrator's client, and the operator under its own least rights. */
export interface OperatorSystem extends AsyncDisposable {
  readonly server: ApiServer;
  readonly admin: Client;
  readonly operator: Awaited<ReturnType<typeof startOperator>>;
}

export async function startOperatorSystem(): Promise<OperatorSystem> {
  const server = await startApiServer();
  const admin = clientOf(server.kubeconfig);
  await installCrd(admin);
  const operator = await startOperator(await operatorAccount(server, admin));
  return {
    server,
    admin,
    operator,
    async [Symbol.asyncDispose]() {
      await operator[Symbol.asyncDispose]();
      admin.close();
      await server.stop();
    },
  };
}

/** Looks at ChatCluster `sample` twice more, and fails if that writes anything. */
export async function writesNothing(
  { admin, operator }: Pick<OperatorSystem, "admin" | "operator">,
  namespace: string,
): Promise<void> {
  const before = await operator.writes();
  for (const look of ["one", "two"]) {
    const seen = await operator.reconciles();
    // It concerns nobody.
    await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { metadata: { labels: { look } } });
    await until(async () => (await operator.reconciles()) > seen, "a look");
  }
  assert.equal(await operator.writes(), before);
}
