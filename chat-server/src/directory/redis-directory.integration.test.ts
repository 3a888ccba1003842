import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { startRedis } from "@chatcluster/local/services";
import { RedisClient } from "../redis/client.ts";
import { RedisDirectory } from "./redis-directory.ts";
import { directoryContract } from "./user-directory.contract.ts";

directoryContract("the directory on Redis", async () => {
  const service = await startRedis();
  const clients = [0, 1].map(() => new RedisClient({ url: service.url, logger: createLogger("test", "silent") }));
  for (const client of clients) {
    client.start(
      () => undefined,
      () => undefined,
    );
    await until(() => client.problem() === undefined, "Redis");
  }
  const directory = (index: 0 | 1) =>
    new RedisDirectory(clients[index] as RedisClient, {
      instance: `server-${index}`,
      address: `127.0.0.1:${index + 1}`,
      ttlMs: 45_000,
      offlineLimit: 5,
    });
  return {
    directories: [directory(0), directory(1)],
    async stop() {
      for (const client of clients) client.close();
      await service.stop();
    },
  };
});
