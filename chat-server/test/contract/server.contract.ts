import { after, before, describe } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { ChatServer } from "../../src/server.ts";
import { CARRIERS, type Carrier, connectBy } from "../support/carriers.ts";
import { readiness, startTestServer, tokenFor, type Variables } from "../support/test-server.ts";
import type { ContractContext } from "./contract-context.ts";
import { promiseConversations } from "./conversations.contract.ts";
import { promiseDelivery } from "./delivery.contract.ts";
import { promiseInterest } from "./interest.contract.ts";
import { promiseLive } from "./live.contract.ts";
import { promiseMessages } from "./messages.contract.ts";
import { promiseOneConnection } from "./one-connection.contract.ts";
import { promiseRefusals } from "./refusals.contract.ts";

/**
 * What a chat server promises, whatever it stands on. `backend` starts what is needed and gives the variables of as many servers as stand on
 * the same; where there is only one, all clients use it. `carriers` are those that it is held to, all of them unless told.
 */
export function serverContract(
  name: string,
  backend: () => Promise<{ servers: Variables[]; stop: () => Promise<void> }>,
  carriers: readonly Carrier[] = CARRIERS,
): void {
  describe(name, () => {
    let servers: ChatServer[] = [];
    let stop: () => Promise<void>;
    /** Port of the first and of the last server. */
    let ports: [number, number];

    before(async () => {
      const started = await backend();
      stop = started.stop;
      servers = await Promise.all(
        started.servers.map((variables) => startTestServer({ CHAT_POLL_GRACE_MS: "2000", ...variables })),
      );
      for (const server of servers)
        await until(async () => (await readiness(server)).status === 200, "readiness", 120_000);
      ports = [servers[0]?.port ?? 0, servers.at(-1)?.port ?? 0];
    });
    after(async () => {
      await Promise.all(servers.map((server) => server.stop(0)));
      await stop?.();
    });

    for (const carrier of carriers) promises(carrier, () => ports);
  });
}

/** What holds whatever carries the frames. */
function promises(carrier: Carrier, ports: () => [number, number]): void {
  const connect: ContractContext["connect"] = async (server, user) =>
    connectBy(carrier, { port: ports()[server], otherPort: ports()[1 - server] ?? 0 }, await tokenFor(user));
  const login: ContractContext["login"] = async (server, user, body) => {
    const client = await connect(server, user);
    await client.login(body);
    return client;
  };
  const context = { carrier, connect, login };
  describe(`over ${carrier}`, () => {
    promiseMessages(context);
    promiseDelivery(context);
    promiseConversations(context);
    promiseInterest(context);
    promiseRefusals(context);
    promiseLive(context);
    if (carrier === "websocket") promiseOneConnection(context);
  });
}
