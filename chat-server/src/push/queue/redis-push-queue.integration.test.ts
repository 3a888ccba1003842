import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Redis, startRedis } from "@chatcluster/local/services";
import { delivery, pushQueueContract } from "../../../test/push-queue.contract.ts";
import { connectedClient, REDIS_PLACES, type RedisPlace } from "../../../test/support/redis-places.ts";
import { RedisPushQueue } from "./redis-push-queue.ts";

const STREAM = "push:{queue}:jobs";

for (const [kind, startPlace] of Object.entries(REDIS_PLACES)) {
  describe(`on a real Redis (${kind})`, () => {
    let place: RedisPlace;
    before(async () => {
      place = await startPlace();
    });
    after(() => place?.stop());

    pushQueueContract("the Redis push queue keeps the contract", async () => {
      const client = await connectedClient(place.config);
      await client.commands([
        ["del", STREAM],
        ["del", "push:{queue}:delayed"],
      ]);
      let consumers = 0;
      return {
        open: async (options) => new RedisPushQueue(client, `consumer-${consumers++}`, options),
        async corrupt() {
          await client.command("xadd", STREAM, "*", "job", "{");
        },
        async close() {
          client.close();
        },
      };
    });
  });
}

describe("what a Redis forgets", () => {
  let server: Redis;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  const connect = async (t: TestContext) => {
    const client = await connectedClient({ redisUrl: server.url });
    t.after(() => client.close());
    // Neither of them has a key; one node has everything.
    await client.command("flushall", "sync");
    return client;
  };

  it("the queue begins again when Redis has lost everything, its scripts too", async (t) => {
    const client = await connect(t);
    const queue = new RedisPushQueue(client, "one", {
      limit: 9,
      leaseMs: 9_000,
      rememberMs: 9,
      onDropped: () => assert.fail(),
    });
    await queue.enqueue([delivery("lost")]);
    await queue.claim(1);
    await client.command("flushall", "sync");
    await client.command("script", "flush");
    assert.deepEqual(await queue.claim(1), []);
    await queue.enqueue([delivery("kept")]);
    assert.equal((await queue.claim(1)).length, 1);
  });

  it("the queue forgets consumers that are gone and left nothing, and no others", async (t) => {
    const client = await connect(t);
    const options = { limit: 9, leaseMs: 9_000, rememberMs: 9, onDropped: () => assert.fail() };
    const [empty, holding] = [
      new RedisPushQueue(client, "empty", options),
      new RedisPushQueue(client, "holding", options),
    ];
    await holding.enqueue([delivery("phone"), delivery("tablet")]);
    assert.equal((await holding.claim(1)).length, 1);
    await empty.done((await empty.claim(1))[0] ?? assert.fail());
    await empty.start();
    const names = async () =>
      ((await client.command("xinfo", "CONSUMERS", STREAM, "push")) as unknown[][]).map((fields) => fields[1]);
    assert.deepEqual((await names()).sort(), ["empty", "holding"]);
    // As after an hour, by the same script.
    const tidied = new RedisPushQueue(client, "third", { ...options, goneMs: 1 });
    await until(async () => {
      await tidied.start();
      return (await names()).length === 1;
    }, "one is forgotten");
    assert.deepEqual(await names(), ["holding"]);
  });
});
