import { brokerContract } from "./broker.contract.ts";
import { EmbeddedBroker } from "./embedded-broker.ts";

brokerContract("the embedded broker", async (listener) => {
  const broker = new EmbeddedBroker({ logLength: 50 });
  await broker.start(listener);
  return { brokers: [broker, broker], stop: () => broker.close() };
});
