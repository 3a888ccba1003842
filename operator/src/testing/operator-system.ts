import { type ApiServer, startApiServer } from "@chatcluster/local/services";
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
