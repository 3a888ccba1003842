import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { startRedis } from "@chatcluster/local/services";
import { RedisClient } from "../redis/client.ts";
import { brokerContract } from "./broker.contract.ts";
import { RedisBroker } from "./redis-broker.ts";

brokerContract("the broker on Redis", async (listener) => {
  const redis = await startRedis({ password: "a password" });
  const logger = createLogger("test", "silent");
  const start = async (of: typeof listener) => {
    const client = new RedisClient({ url: redis.url, password: redis.password, logger });
    const broker = new RedisBroker(client, { logLength: 50, logger });
    await broker.start(of);
    await until(() => broker.problem() === undefined, "Redis");
    return broker;
  };
  const ignore = () => undefined;
  const nobody = {
    onEvent: ignore,
    onHeld: ignore,
    onInvalidated: () => undefined,
    onTopic: () => undefined,
    onUserEvent: ignore,
    onResubscribed: ignore,
  };
  const brokers: [RedisBroker, RedisBroker] = [await start(listener), await start(nobody)];
  return {
    brokers,
    async stop() {
      await Promise.all(brokers.map((broker) => broker.close()));
      await redis.stop();
    },
  };
});
