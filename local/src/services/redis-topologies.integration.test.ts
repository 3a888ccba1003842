import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { startRedisCluster } from "./redis-cluster.ts";
import { startRedisSentinel } from "./redis-sentinel.ts";

test("Sentinel promotes the replica of a killed master", async () => {
  await using redis = await startRedisSentinel({ password: "a word", sentinelPassword: "another" });
  const [first, second] = redis.servers;
  assert.equal(await redis.master(), first);
  await first?.kill();
  await until(async () => (await redis.master()) === second, "the replica promoted", 20_000);
});

test("a Cluster moves a slot with its keys, and promotes the replica of a killed master", async () => {
  await using redis = await startRedisCluster({ replicas: 1, password: "a word" });
  const [first, second, , replica] = redis.servers;
  assert.ok(first && second && replica);
  // Slots of "{b}" and "{a}".
  const [low, high] = [3_300, 15_495];
  assert.equal(await redis.masterOf(low), first);
  await redis.command(first, "SET", "{b}:key", "value");
  await redis.moveSlot(low, second);
  assert.equal(await redis.masterOf(low), second);
  assert.equal(await redis.command(second, "GET", "{b}:key"), "value");
  assert.notEqual(await redis.masterOf(high), second);
  await first.kill();
  await until(async () => (await redis.masterOf(0)) === replica, "the replica promoted", 20_000);
});
