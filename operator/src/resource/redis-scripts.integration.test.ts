import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { Redis } from "ioredis";
import { PASSWORDS, type RedisMemberPod, RedisMembers } from "../testing/redis-members.ts";

let members: RedisMembers;
before(async () => {
  members = await RedisMembers.start();
});
after(() => members[Symbol.asyncDispose]());

/** Writes and reads as a chat server does. */
async function asChatServer<Answer>(pod: RedisMemberPod, use: (redis: Redis) => Promise<Answer>): Promise<Answer> {
  const redis = new Redis({
    host: pod.address,
    username: "chat",
    password: PASSWORDS.chat,
    protocol: 2,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  redis.on("error", () => undefined);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

const put = (pod: RedisMemberPod, id: string) =>
  asChatServer(pod, (redis) => redis.set(`conversation:{${id}}:state`, id));
const has = (pod: RedisMemberPod, id: string) =>
  asChatServer(pod, async (redis) => (await redis.get(`conversation:{${id}}:state`)) === id);

/** A Redis server as a new pod with the old volume, started while the others run. */
async function replace(pod: RedisMemberPod): Promise<void> {
  await pod.handOver();
  await pod.service.restart();
}

test("all started at once, they agree on the first as the master, with the others as its replicas", async () => {
  const master = await members.whole();
  assert.equal(master.address, members.redis[0]?.address);
});

test("a master that hands over is no longer the master, and its successor has everything", async () => {
  const before = await members.whole();
  await put(before, "handed");
  // Writes without a pause: each one that is acknowledged by the old master must be there.
  const acknowledged: string[] = [];
  const refused = asChatServer(before, async (redis) => {
    for (let count = 0; ; count++) {
      await redis.set(`user:{${count}}:server`, "x");
      acknowledged.push(`user:{${count}}:server`);
    }
  }).then(
    () => assert.fail("it took writes for ever"),
    (error: unknown) => error,
  );
  await until(() => acknowledged.length > 100, "writes");
  await before.handOver();
  assert.match(String(await refused), /READONLY/);
  const { master = "" } = await members.view();
  assert.notEqual(master, before.address);
  assert.ok(await has(members.pod(master), "handed"));
  const kept = await asChatServer(members.pod(master), (redis) => redis.exists(...acknowledged));
  assert.equal(kept, acknowledged.length);
  await before.service.restart();
  await members.whole();
});

test("a killed master that comes back within the time goes on with its data", async () => {
  const before = await members.whole();
  await put(before, "killed");
  await before.service.kill();
  await before.service.restart();
  const later = await members.whole();
  assert.ok(await has(later, "killed"));
});

test("a lost master is replaced, and is a replica when it comes back", async () => {
  const before = await members.whole();
  await put(before, "lost");
  await until(
    async () => (await Promise.all(members.redis.map((pod) => has(pod, "lost")))).every(Boolean),
    "replicas to have it",
  );
  await before.service.kill();
  const successor = await until(async () => {
    const { master } = await members.view();
    return master !== undefined && master !== before.address && master;
  }, "another master");
  assert.ok(await has(members.pod(successor), "lost"));
  await before.service.restart();
  assert.equal((await members.whole()).address, successor);
});

test("a master that comes back with an empty volume does not empty the others", async () => {
  const before = await members.whole();
  await put(before, "kept");
  await until(
    async () => (await Promise.all(members.redis.map((pod) => has(pod, "kept")))).every(Boolean),
    "replicas to have it",
  );
  await before.service.kill();
  await before.wipe();
  await before.service.restart();
  const later = await members.whole();
  assert.notEqual(later.address, before.address);
  assert.ok(await has(later, "kept"));
  assert.ok(await has(before, "kept"));
});

test("all restarted at once, with a master that is not the first, they come back with their data", async () => {
  let master = await members.whole();
  if (master.address === members.redis[0]?.address) {
    await replace(master);
    master = await members.whole();
  }
  assert.notEqual(master.address, members.redis[0]?.address);
  await put(master, "restarted");
  await Promise.all(members.pods.map(({ service }) => service.kill()));
  await Promise.all(members.pods.map(({ service }) => service.restart()));
  assert.ok(await has(await members.whole(), "restarted"));
});

test("sentinels with new volumes find the master, and are the same sentinels to each other", async () => {
  let master = await members.whole();
  if (master.address === members.redis[0]?.address) {
    await replace(master);
    master = await members.whole();
  }
  await Promise.all(members.sentinels.map(({ service }) => service.kill()));
  for (const sentinel of members.sentinels) await sentinel.wipe();
  await Promise.all(members.sentinels.map(({ service }) => service.restart()));
  assert.equal((await members.whole()).address, master.address);
});

test("without two sentinels a Redis that starts waits, and starts when they are back", async () => {
  const master = await members.whole();
  const [, second, third] = members.sentinels;
  const replica = members.redis.find(({ address }) => address !== master.address);
  assert.ok(second && third && replica);
  await Promise.all([second.service.kill(), third.service.kill()]);
  await replica.service.restart();
  await until(async () => (await replica.service.logTail()).endsWith("waiting for two sentinels"), "it to wait");
  assert.equal((await members.view()).quorum, false);
  await Promise.all([second.service.restart(), third.service.restart()]);
  await members.whole();
});
