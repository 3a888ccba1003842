import { connectedClient, REDIS_PLACES } from "../../test/support/redis-places.ts";
import { RedisDirectory } from "./redis-directory.ts";
import { directoryContract } from "./user-directory.contract.ts";

for (const [kind, startPlace] of Object.entries(REDIS_PLACES)) {
  directoryContract(`the directory on Redis (${kind})`, async () => {
    const place = await startPlace();
    const clients = await Promise.all([0, 1].map(() => connectedClient(place.config)));
    const [one, two] = clients.map(
      (client, index) =>
        new RedisDirectory(client, {
          instance: `server-${index}`,
          address: `127.0.0.1:${index + 1}`,
          ttlMs: 45_000,
          offlineLimit: 5,
        }),
    );
    if (!one || !two) throw new Error("two were asked for");
    return {
      directories: [one, two],
      async stop() {
        for (const client of clients) client.close();
        await place.stop();
      },
    };
  });
}
