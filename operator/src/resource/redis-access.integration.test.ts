import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Redis as RedisService, startRedis } from "@chatcluster/local/services";
import { Redis } from "ioredis";
import { CHAT_USER, NODE_USER, redisUsers } from "./redis-access.ts";

const CHAT_SERVER = join(import.meta.dirname, "../../../chat-server/src");

let service: RedisService;
let redis: Redis;
before(async () => {
  service = await startRedis();
  redis = new Redis({ host: service.host, port: service.port, protocol: 2 });
  for (const line of redisUsers([{ chat: "a", node: "b", operator: "c" }]).split("\n")) {
    const [directive, name = "", ...rules] = line.split(" ");
    if (directive === "user" && name !== "default") await redis.call("ACL", "SETUSER", name, ...rules);
  }
});
after(async () => {
  redis.disconnect();
  await service.stop();
});

/** What Redis would say to a user's command: OK, or why not. */
const dryRun = (user: string, command: string) => redis.call("ACL", "DRYRUN", user, ...command.split(" "));

/** The commands of the chat server's scripts, and those that it sends by themselves. */
const OF_CHAT = [
  "DEL K",
  "EXISTS K",
  "GET K",
  "HDEL K f",
  "HGET K f",
  "HGETALL K",
  "HINCRBY K f 1",
  "HMGET K f",
  "HSET K f v",
  "HVALS K",
  "LLEN K",
  "LRANGE K 0 -1",
  "LTRIM K 0 1",
  "MGET K",
  "PEXPIRE K 1",
  "PTTL K",
  "RPUSH K v",
  "SET K v",
  "TIME",
  "XACK K g 1-0",
  "XADD K * f v",
  "XAUTOCLAIM K g c 0 0",
  "XDEL K 1-0",
  "XGROUP CREATE K g $",
  "XGROUP DELCONSUMER K g c",
  "XINFO CONSUMERS K g",
  "XLEN K",
  "XRANGE K - +",
  "XREADGROUP GROUP g c STREAMS K >",
  "XTRIM K MAXLEN 1",
  "ZADD K 1 m",
  "ZCARD K",
  "ZPOPMAX K",
  "ZRANGE K 0 -1",
  "ZRANGEBYSCORE K 0 1",
  "ZREM K m",
  "ZSCORE K m",
];
const KEYS = [
  "conversation:{c}:log",
  "user:{u}:offline_messages",
  "server:{s}:alive",
  "push:{queue}:stream",
  "dashboard:figures",
];

test("the chat servers' user may do what their scripts and commands do, on each kind of key", async () => {
  const scripts = globSync("**/*.lua", { cwd: CHAT_SERVER }).map((file) =>
    readFileSync(join(CHAT_SERVER, file), "utf8"),
  );
  assert.ok(scripts.length > 10, "the scripts are where they are looked for");
  const called = scripts.flatMap((text) =>
    [...text.matchAll(/redis\.p?call\(\s*'([A-Z]+)'/g)].map(([, name = ""]) => name),
  );
  const known = new Set(OF_CHAT.map((command) => command.split(" ")[0]));
  assert.deepEqual(
    [...new Set(called)].filter((name) => !known.has(name)),
    [],
    "a command that this test does not know",
  );
  for (const key of KEYS)
    for (const command of OF_CHAT)
      assert.equal(await dryRun(CHAT_USER, command.replace(" K", ` ${key}`)), "OK", `${command} ${key}`);
  for (const command of [
    "EVAL x 0",
    "EVALSHA x 0",
    "PING",
    "INFO server",
    "CLIENT SETNAME x",
    "SUBSCRIBE topic:{t}",
    "PUBLISH user:{u}:messages x",
    "UNSUBSCRIBE",
  ])
    assert.equal(await dryRun(CHAT_USER, command), "OK", command);
});

test("and nothing else: no other key or channel, and nothing that concerns the server", async () => {
  for (const command of ["GET other", "DEL backup:1", "SUBSCRIBE __sentinel__:hello", "PUBLISH other x"])
    assert.match(String(await dryRun(CHAT_USER, command)), /no permission/i, command);
  const administration = [
    "ACL LIST",
    "CLIENT KILL TYPE normal",
    "CONFIG GET *",
    "DEBUG SLEEP 1",
    "FLUSHALL",
    "KEYS *",
    "MONITOR",
    "REPLICAOF a 1",
    "SCRIPT FLUSH",
    "SHUTDOWN",
  ];
  for (const command of administration)
    assert.match(String(await dryRun(CHAT_USER, command)), /no permission/i, command);
});

test("the user of the servers and sentinels reads and writes no data", async () => {
  for (const command of [
    "GET user:{u}:server",
    "SET x y",
    "EVAL x 0",
    "KEYS *",
    "ACL LIST",
    "CONFIG GET *",
    "FLUSHALL",
  ])
    assert.match(String(await dryRun(NODE_USER, command)), /no permission/i, command);
  for (const command of [
    "PSYNC ? -1",
    "REPLCONF ACK 1",
    "REPLICAOF a 1",
    "CONFIG REWRITE",
    "CLIENT PAUSE 1 WRITE",
    "INFO",
    "ROLE",
  ])
    assert.equal(await dryRun(NODE_USER, command), "OK", command);
});
