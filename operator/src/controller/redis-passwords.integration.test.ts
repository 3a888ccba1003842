import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { messageOf } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { startRedis } from "@chatcluster/local/services";
import { Redis } from "ioredis";
import { type Accepted, type RedisAccess, type RedisPasswords, standaloneUsers } from "../resource/redis-access.ts";
import { PASSWORDS, type RedisMemberPod, RedisMembers } from "../testing/redis-members.ts";
import { redisPasswordSetter } from "./redis-passwords.ts";

const NEXT: RedisPasswords = { chat: "next-chat", node: "next-node", operator: "next-operator" };

/** No command of its own, which a user may not be allowed, and no second try. */
const QUIET = {
  protocol: 2,
  enableReadyCheck: false,
  disableClientInfo: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
} as const;

let members: RedisMembers;
before(async () => {
  members = await RedisMembers.start();
});
after(() => members[Symbol.asyncDispose]());

/** Tells all of them, and gives those that start later the same by their file. */
async function accept(...accepted: Accepted<RedisPasswords>): Promise<void> {
  const access: RedisAccess = { mode: "sentinel", accepted };
  await members.accept(accepted);
  for (const { address } of members.redis)
    await redisPasswordSetter.set({ pod: address, ip: address }, "redis", access);
  for (const { address } of members.sentinels)
    await redisPasswordSetter.set({ pod: address, ip: address }, "sentinel", access);
}

function connect({ address }: RedisMemberPod, username: string, password: string, port = 6379): Redis {
  const redis = new Redis({
    host: address,
    port,
    username,
    password,
    ...QUIET,
  });
  redis.on("error", () => undefined);
  return redis;
}

/** What a server says to a login: PONG, or why not. */
async function logIn(pod: RedisMemberPod, user: string, password: string, port = 6379): Promise<string> {
  const redis = connect(pod, "probe", "any", port);
  try {
    await redis.call("AUTH", user, password);
    return await redis.ping();
  } catch (error) {
    return messageOf(error);
  } finally {
    redis.disconnect();
  }
}

/** Writes all the time as a chat server with one password does, over a connection that it has and over new ones. */
function write(pod: RedisMemberPod, password: string) {
  const held = connect(pod, "chat", password);
  const refused: string[] = [];
  let writes = 0;
  let goes = true;
  const run = (async () => {
    while (goes) {
      const fresh = connect(pod, "chat", password);
      try {
        await held.set("user:{w}:server", "x");
        await fresh.set("user:{w}:server", "x");
        writes += 2;
      } catch (error) {
        refused.push(messageOf(error));
      } finally {
        fresh.disconnect();
      }
    }
  })();
  return {
    refused,
    get writes() {
      return writes;
    },
    async end() {
      goes = false;
      await run;
      held.disconnect();
    },
  };
}

test("the passwords of all users are replaced without a write refused, a link lost or another master, and the old ones are refused", async () => {
  const master = await members.whole();
  const links = async () => (await members.view()).linked.length;
  const old = write(master, PASSWORDS.chat);
  await until(() => old.writes > 100, "writes");
  await accept(PASSWORDS, NEXT);
  for (const pod of members.redis)
    for (const { chat } of [PASSWORDS, NEXT]) assert.equal(await logIn(pod, "chat", chat), "PONG", pod.address);
  await accept(NEXT, PASSWORDS);
  const since = old.writes;
  const young = write(master, NEXT.chat);
  await until(() => old.writes > since + 100 && young.writes > 100, "writes by both");
  await old.end();
  await accept(NEXT);
  await young.end();
  assert.deepEqual([old.refused, young.refused], [[], []]);
  assert.equal(await links(), 2);
  assert.equal((await members.whole()).address, master.address, "nobody took the master for lost");
  for (const user of ["chat", "node", "operator"] as const) {
    for (const pod of members.redis) {
      assert.match(await logIn(pod, user, PASSWORDS[user]), /^WRONGPASS/, `${user} at ${pod.address}`);
      assert.doesNotMatch(await logIn(pod, user, NEXT[user]), /^WRONGPASS/, `${user} at ${pod.address}`);
    }
    for (const pod of members.sentinels)
      assert.match(await logIn(pod, user, PASSWORDS[user], 26379), /^WRONGPASS/, `${user} at ${pod.address}`);
  }
});

test("afterwards a master hands over and is rolled, and one that is killed is replaced, all by the new passwords", async () => {
  const first = await members.whole();
  // A pod that has run since before: its hook reads what the file says now.
  await first.handOver();
  const second = await until(async () => {
    const { master } = await members.view();
    return master !== undefined && master !== first.address && members.pod(master);
  }, "another master");
  await first.service.restart();
  await members.whole();
  await second.service.kill();
  await until(async () => {
    const { master } = await members.view();
    return master !== undefined && master !== second.address;
  }, "a third master");
  await second.service.restart();
  await members.whole();
  for (const { service } of members.sentinels) await service.restart();
  await members.whole();
});

test("a server that started with a file of before is told by the password that it knows; none that it knows is an error that shows none", async () => {
  const { address } = await members.whole();
  const place = { pod: "sample-redis-0", ip: address };
  const third: RedisPasswords = { chat: "third-chat", node: NEXT.node, operator: "third-operator" };
  await redisPasswordSetter.set(place, "redis", { mode: "sentinel", accepted: [third, NEXT] });
  await redisPasswordSetter.set(place, "redis", { mode: "sentinel", accepted: [NEXT] });
  const stranger = redisPasswordSetter.set(place, "redis", { mode: "sentinel", accepted: [third] });
  await assert.rejects(stranger, {
    code: "redis_login_refused",
    message: "pod sample-redis-0 refuses the password of its Secret",
  });
});

test("without sentinels the default user has both passwords meanwhile, and the probes need none", async () => {
  const lines = standaloneUsers(["old"]).trim().split("\n");
  await using redis = await startRedis({ password: "old", settings: lines });
  const place = { pod: "sample-redis-0", ip: redis.host, port: redis.port };
  const logIn = async (password: string) => {
    const client = new Redis({ host: redis.host, port: redis.port, ...QUIET });
    client.on("error", () => undefined);
    try {
      return await client.call("AUTH", password);
    } catch (error) {
      return messageOf(error);
    } finally {
      client.disconnect();
    }
  };
  await redisPasswordSetter.set(place, "redis", { mode: "standalone", accepted: ["old", "new"] });
  assert.deepEqual([await logIn("old"), await logIn("new")], ["OK", "OK"]);
  await redisPasswordSetter.set(place, "redis", { mode: "standalone", accepted: ["new"] });
  assert.match(String(await logIn("old")), /^WRONGPASS/);
  assert.equal(await logIn("new"), "OK");
  const probe = new Redis({ host: redis.host, port: redis.port, ...QUIET, username: "probe", password: "any" });
  assert.equal(await probe.ping(), "PONG");
  assert.match(String(await probe.call("INFO", "replication")), /role:master/);
  for (const command of ["INFO keyspace", "GET x", "CONFIG GET *", "ACL LIST"])
    await assert.rejects(probe.call(...(command.split(" ") as [string])), /NOPERM/, command);
  probe.disconnect();
});
