/** Clients of one server that come back on another when it dies. Run by bench-reconnect.ts through {@link Generator}. */
import { setTimeout as delay } from "node:timers/promises";
import { Backoff } from "../../../client/src/backoff.ts";
import { generate } from "./generator.ts";
import { Latencies, type Latency } from "./latencies.ts";
import { signInAll, WireClient } from "./wire-client.ts";

export interface ReconnectOptions {
  from: number;
  to: number;
  first: number;
  count: number;
}

export interface ReconnectResult {
  /** From the first connection lost to each client's `welcome` on the other server. */
  back: Latency;
  attempts: number;
}

await generate<ReconnectOptions, ReconnectResult>(async ({ from, to, first, count }) => {
  const users = Array.from({ length: count }, (_, index) => `moving-${first + index}`);
  const clients = await signInAll(users, (user) => WireClient.signIn(from, user));
  return async () => {
    const back = new Latencies();
    let attempts = 0;
    let lostAt: number | undefined;
    const returned = clients.map(async (client, index) => {
      await new Promise<void>((resolve) => {
        client.onClose = resolve;
      });
      lostAt ??= performance.now();
      // As the client package does it.
      const backoff = new Backoff();
      for (;;) {
        await delay(backoff.next());
        attempts++;
        try {
          clients[index] = await WireClient.signIn(to, users[index] ?? "");
          back.add(performance.now() - lostAt);
          return;
        } catch {
          // Refused: again, later.
        }
      }
    });
    await Promise.all(returned);
    return { back: back.summary(), attempts };
  };
});
