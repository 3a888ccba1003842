import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { startRedis, startRedisSentinel } from "@chatcluster/local/services";
import { Redis } from "ioredis";
import { clientOf } from "../../test/support/redis-places.ts";
import { RedisBroker } from "../broker/redis-broker.ts";
import { addressesOf } from "./address.ts";
import { RedisNode } from "./node.ts";
import { PLAIN } from "./pub-sub.ts";

const ignore = () => undefined;

test("a master that lost its place and got it back, in the same process, does not take a shortened log for whole", async (t) => {
  const settings = ["repl-diskless-sync-delay 0"];
  await using first = await startRedis({ settings });
  await using second = await startRedis({ settings });
  const [one, two] = [new Redis(first.url), new Redis(second.url)];
  // They end with the servers.
  for (const redis of [one, two]) redis.on("error", () => undefined);
  const broker = new RedisBroker(clientOf({ redisUrl: first.url }), {
    logLength: 50,
    logger: createLogger("test", "silent"),
  });
  t.after(async () => {
    await broker.close();
    for (const redis of [one, two]) redis.disconnect();
  });
  await broker.start({
    onEvent: ignore,
    onHeld: ignore,
    onInvalidated: ignore,
    onTopic: ignore,
    onUserEvent: ignore,
    onResubscribed: ignore,
  });
  await until(() => broker.problem() === undefined, "Redis");
  const claim = (clientId: string) => ({ conversationId: "c", senderId: "alice", clientId, digest: "d" });
  const send = async (clientId: string) => {
    const reserved = await broker.reserve(claim(clientId));
    assert.ok(reserved.outcome === "reserved");
    assert.equal(await broker.commit(claim(clientId), reserved.messageId, "{}"), "published");
  };
  const follow = async (replica: Redis, master: { port: number }) => {
    await replica.replicaof("127.0.0.1", master.port);
    await until(async () => (await replica.info("replication")).includes("master_link_status:up"), "the replica");
  };

  const open = async () => {
    const run = await broker.settled("c");
    const position = await broker.open("c", { run, lastId: "", recent: [] });
    assert.ok(position);
    return { run, epoch: position.epoch };
  };
  const { run, epoch } = await open();
  await send("kept");
  await follow(two, first);
  await until(async () => (await two.hget("conversation:{c}:state", "offset")) === "1", "the copy");
  await two.replicaof("NO", "ONE");
  await send("lost");
  assert.equal((await broker.read("c", { epoch, offset: 0 }, 10))?.position.offset, 2);
  // The first one takes over what the second one has, which is less, and is the master again.
  await follow(one, second);
  // Seen within the two seconds in which no failover happens, let alone two.
  await until(() => broker.problem() !== undefined, "not ready", 10_000);
  await one.replicaof("NO", "ONE");
  assert.equal(await one.hget("conversation:{c}:state", "offset"), "1", "the log has lost its end");
  await until(() => broker.problem() === undefined, "the master again", 15_000);
  assert.equal(await broker.read("c", { epoch, offset: 2 }, 10), undefined, "no log of this run");
  assert.deepEqual(await broker.reserve(claim("next")), { outcome: "cold" });
  assert.equal(await broker.open("c", { run, lastId: "", recent: [] }), undefined, "gathered in the run before");
  assert.notEqual((await open()).epoch, epoch);
});

test("a failover that is told while the master is looked for does not end the search", async (t) => {
  await using redis = await startRedisSentinel();
  const [master] = redis.servers;
  assert.ok(master);
  const connections: Redis[] = [];
  const node = new RedisNode({
    name: "master",
    connection: (connectionName) => {
      const sentinels = addressesOf(redis.sentinels);
      const options = { sentinels, name: redis.masterName, lazyConnect: true, retryStrategy: () => 50, connectionName };
      connections.push(new Redis(options));
      return connections.at(-1) as Redis;
    },
    pubSub: PLAIN,
    logger: createLogger("test", "silent"),
    listener: {
      onMessage: ignore,
      onSubscriberReady: ignore,
      onSubscriberLost: ignore,
      onSubscriptionsEnded: ignore,
      onReady: ignore,
      onTrouble: ignore,
    },
  });
  t.after(() => node.close());
  node.start();
  await until(() => node.problem() === undefined, "the master");
  const ended = connections.map((connection) => new Promise((resolve) => connection.once("end", resolve)));
  await master.kill();
  for (const connection of connections) {
    await until(() => connection.status === "connecting", "the search");
    // As ioredis' FailoverDetector does when a sentinel tells of a failover.
    (connection as unknown as { connector: { disconnect(): void } }).connector.disconnect();
  }
  await Promise.all(ended);
  await until(() => node.problem() === undefined, "the new master");
});
