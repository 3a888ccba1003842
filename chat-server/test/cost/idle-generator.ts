/** Idle, signed-in connections, which are there until the process ends. Started through {@link Generator}. */
import { generate } from "./generator.ts";
import { signInAll, WireClient } from "./wire-client.ts";

export interface IdleOptions {
  port: number;
  /** Number of the first user. */
  first: number;
  count: number;
}

await generate<IdleOptions, never>(async ({ port, first, count }) => {
  const users = Array.from({ length: count }, (_, index) => `idle-${first + index}`);
  const clients = await signInAll(users, (user) => WireClient.signIn(port, user));
  for (const client of clients)
    client.onClose = () => {
      process.stderr.write("a connection was lost\n");
      process.exit(1);
    };
  return undefined;
});
