import assert from "node:assert/strict";
import { test } from "node:test";
import { runCommand } from "../tools/command.ts";
import { tool } from "../tools/index.ts";
import { type Redis, startRedis } from "./redis.ts";

async function ask(redis: Redis, ...command: string[]): Promise<string> {
  const env = { REDISCLI_AUTH: redis.password ?? "" };
  return runCommand(await tool("redis-cli"), ["--no-auth-warning", "-p", String(redis.port), ...command], { env });
}

test("a killed Redis comes back on its port with what it has acknowledged", async () => {
  await using redis = await startRedis({ password: "not a word", settings: ["maxclients 50"] });
  assert.equal(await ask(redis, "SET", "key", "value"), "OK");
  assert.match(await ask(redis, "CONFIG", "GET", "maxclients"), /50/);
  await redis.kill();
  await assert.rejects(ask(redis, "PING"), /Connection refused/);
  await redis.restart();
  assert.equal(await ask(redis, "GET", "key"), "value");
});

test("a client without the password is refused", async () => {
  await using redis = await startRedis({ password: "secret" });
  const answer = await ask({ ...redis, password: undefined, port: redis.port } as Redis, "GET", "key");
  assert.match(answer, /NOAUTH/);
});

test("a paused Redis accepts connections and answers nothing until it is resumed", async () => {
  await using redis = await startRedis();
  redis.pause();
  let answered = false;
  const answer = ask(redis, "PING").then((text) => {
    answered = true;
    return text;
  });
  // Long enough for an answer if there were one: a running Redis answers in a millisecond.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(answered, false);
  redis.resume();
  assert.equal(await answer, "PONG");
});

test("a setting that Redis refuses is shown", async () => {
  await assert.rejects(startRedis({ settings: ["no-such-setting yes"] }), /redis ended.*no-such-setting/s);
});
