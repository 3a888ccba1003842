import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { clientOf, REDIS_PLACES } from "../../test/support/redis-places.ts";
import { brokerContract } from "./broker.contract.ts";
import type { BrokerListener } from "./broker.ts";
import { RedisBroker } from "./redis-broker.ts";

const ignore = () => undefined;
const nobody: BrokerListener = {
  onEvent: ignore,
  onHeld: ignore,
  onInvalidated: ignore,
  onTopic: ignore,
  onUserEvent: ignore,
  onResubscribed: ignore,
};

for (const [kind, startPlace] of Object.entries(REDIS_PLACES)) {
  brokerContract(`the broker on Redis (${kind})`, async (listener) => {
    const place = await startPlace();
    const start = async (of: BrokerListener) => {
      const broker = new RedisBroker(clientOf(place.config), {
        logLength: 50,
        logger: createLogger("test", "silent"),
      });
      await broker.start(of);
      await until(() => broker.problem() === undefined, "Redis", 30_000);
      return broker;
    };
    const brokers: [RedisBroker, RedisBroker] = [await start(listener), await start(nobody)];
    return {
      brokers,
      async stop() {
        await Promise.all(brokers.map((broker) => broker.close()));
        await place.stop();
      },
    };
  });
}
