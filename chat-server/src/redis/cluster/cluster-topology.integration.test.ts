import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { type RedisCluster, startRedisCluster } from "@chatcluster/local/services";
import slotOf from "cluster-key-slot";
import { connectedClient } from "../../../test/support/redis-places.ts";

describe("a Redis Cluster", () => {
  let cluster: RedisCluster;
  before(async () => {
    cluster = await startRedisCluster();
  });
  after(() => cluster.stop());

  const connect = async (t: TestContext) => {
    const [messages, renewed]: [string[], string[]] = [[], []];
    const client = await connectedClient(
      { redisClusterNodes: cluster.nodes },
      {
        onMessage: (channel, message) => messages.push(`${channel} ${message}`),
        onRenewed: (channels) => renewed.push(...channels),
      },
    );
    t.after(() => client.close());
    return { client, messages, renewed };
  };
  /** Any other master than the one that has the slot. */
  const another = async (slot: number) => {
    const from = await cluster.masterOf(slot);
    const to = cluster.servers.find((server) => server !== from);
    assert.ok(from && to);
    return { from, to };
  };

  test("batches over all nodes come back in order", async (t) => {
    const { client } = await connect(t);
    const keys = Array.from({ length: 300 }, (_, index) => `batch:{${index}}`);
    await client.commands(keys.map((key, index) => ["set", key, index] as const));
    assert.deepEqual(await client.values([...keys, "batch:{none}"]), [...keys.map((_, index) => String(index)), null]);
    const counts = await client.commands(keys.flatMap((key) => [["incr", key] as const, ["incr", key] as const]));
    assert.deepEqual(counts.slice(-2), [300, 301]);
    await assert.rejects(
      client.commands([
        ["set", "a", 1],
        ["incr", "batch:{0}"],
        ["hlen", "batch:{1}"],
      ]),
      /WRONGTYPE/,
    );
  });

  test("keys, scripts and channels follow a slot, while it moves and after", async (t) => {
    const { client, messages, renewed } = await connect(t);
    const other = await connect(t);
    const channel = "move:{m}:channel";
    const keys = ["one", "two", "three"].map((name) => `move:{m}:${name}`);
    await client.commands(keys.map((key) => ["set", key, key] as const));
    await Promise.all([client.subscribe(channel), client.subscribe("stays:{s}")]);
    const slot = slotOf(channel);
    const { to } = await another(slot);
    let looks = 0;
    await cluster.moveSlot(slot, to, async () => {
      looks++;
      const found = [];
      for (const key of keys) found.push(await client.command("get", key));
      assert.deepEqual(found, keys, "some are still there, some are there already");
      assert.deepEqual(await client.commands(keys.map((key) => ["get", key] as const)), keys);
    });
    assert.equal(looks, keys.length + 1);
    await until(() => renewed.includes(channel), "the subscription at the new node");
    assert.deepEqual(renewed, [channel], "only what had moved was lost");
    await other.client.publish([channel, "stays:{s}"], "hello");
    await client.barrier();
    assert.deepEqual(messages.sort(), [`${channel} hello`, "stays:{s} hello"]);
    assert.equal(client.problem(), undefined);
  });

  test("a node that is away is named, keys of others go on, and it is found again", async (t) => {
    const { client, messages, renewed } = await connect(t);
    const channel = "away:{b}";
    await client.subscribe(channel);
    const { from, to } = await another(slotOf(channel));
    // As long as the others don't know: afterwards the whole cluster refuses, for it has no replicas.
    for (const server of cluster.servers)
      await cluster.command(server, "CONFIG", "SET", "cluster-require-full-coverage", "no");
    const elsewhere = Array.from({ length: 99 }, (_, index) => `{${index}}`);
    const key = (
      await Promise.all(elsewhere.map(async (each) => ({ each, at: await cluster.masterOf(slotOf(each)) })))
    ).find(({ at }) => at === to)?.each;
    assert.ok(key);
    await from.kill();
    await until(() => client.problem() !== undefined, "not ready");
    await assert.rejects(
      client.command("get", channel),
      (error) => error instanceof CodedError && error.code === "unavailable",
    );
    assert.equal(await client.command("set", key, "x"), "OK");
    await from.restart();
    await until(() => client.problem() === undefined, "everything is there again", 30_000);
    assert.ok(renewed.includes(channel));
    await client.publish([channel], "back");
    await client.barrier();
    assert.deepEqual(messages, [`${channel} back`]);
  });
});
