import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Redis, startRedis } from "@chatcluster/local/services";
import { redisCommands } from "../../../test/push-crash/redis-commands.ts";
import { delivery, pushQueueContract } from "../../../test/push-queue.contract.ts";
import { RedisPushQueue } from "./redis-push-queue.ts";

describe("on a real Redis", () => {
  let server: Redis;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  pushQueueContract("the Redis push queue keeps the contract", async () => {
    const commands = await redisCommands(server.url);
    await commands.redis.flushall();
    let consumers = 0;
    return {
      open: async (options) => new RedisPushQueue(commands, `consumer-${consumers++}`, options),
      async corrupt() {
        await commands.redis.xadd("push:{queue}:jobs", "*", "job", "{");
      },
      async close() {
        commands.redis.disconnect();
      },
    };
  });

  it("the queue begins again when Redis has lost everything, its scripts too", async () => {
    using commands = await redisCommands(server.url);
    await commands.redis.flushall();
    const queue = new RedisPushQueue(commands, "one", {
      limit: 9,
      leaseMs: 9_000,
      rememberMs: 9,
      onDropped: () => assert.fail(),
    });
    await queue.enqueue([delivery("lost")]);
    await queue.claim(1);
    await commands.redis.flushall();
    await commands.redis.script("FLUSH");
    assert.deepEqual(await queue.claim(1), []);
    await queue.enqueue([delivery("kept")]);
    assert.equal((await queue.claim(1)).length, 1);
  });

  it("the queue forgets consumers that are gone and left nothing, and no others", async () => {
    using commands = await redisCommands(server.url);
    await commands.redis.flushall();
    const options = { limit: 9, leaseMs: 9_000, rememberMs: 9, onDropped: () => assert.fail() };
    const [empty, holding] = [
      new RedisPushQueue(commands, "empty", options),
      new RedisPushQueue(commands, "holding", options),
    ];
    await holding.enqueue([delivery("phone"), delivery("tablet")]);
    assert.equal((await holding.claim(1)).length, 1);
    await empty.done((await empty.claim(1))[0] ?? assert.fail());
    await empty.start();
    const names = async () =>
      ((await commands.redis.xinfo("CONSUMERS", "push:{queue}:jobs", "push")) as unknown[][]).map(
        (fields) => fields[1],
      );
    assert.deepEqual((await names()).sort(), ["empty", "holding"]);
    // As after an hour, by the same script.
    const tidied = new RedisPushQueue(commands, "third", { ...options, goneMs: 1 });
    await until(async () => {
      await tidied.start();
      return (await names()).length === 1;
    }, "one is forgotten");
    assert.deepEqual(await names(), ["holding"]);
  });
});
