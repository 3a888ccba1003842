import assert from "node:assert/strict";
import { test } from "node:test";
import { type RedisReading, redisView, type SentinelReading } from "./view.ts";

const master: RedisReading = { role: "master", follows: undefined, linked: false };
const follower = (follows: string, linked = true): RedisReading => ({ role: "replica", follows, linked });
const names = (name: string, canFailOver = true): SentinelReading => ({ master: name, canFailOver });
const view = (servers: Record<string, RedisReading | undefined>, sentinels: (SentinelReading | undefined)[]) =>
  redisView(new Map(Object.entries(servers)), sentinels, 2);

test("the master is the one that two sentinels name and that is one", () => {
  const servers = { a: master, b: follower("a"), c: follower("a", false) };
  assert.deepEqual(view(servers, [names("a"), names("a"), undefined]), {
    master: "a",
    linked: ["b"],
    astray: [],
    quorum: true,
    agreeing: 2,
  });
});

test("an old master that came back is not the master, and who follows it is not linked", () => {
  const servers = { a: master, b: master, c: follower("a") };
  assert.deepEqual(view(servers, [names("b"), names("b"), names("a")]), {
    master: "b",
    linked: [],
    astray: ["c"],
    quorum: true,
    agreeing: 2,
  });
});

test("while a failover is under way there is no master", () => {
  assert.equal(view({ a: undefined, b: follower("a") }, [names("a"), names("a"), names("a")]).master, undefined);
  assert.equal(view({ a: master, b: follower("a") }, [names("b"), names("b"), names("b")]).master, undefined);
});

test("without a quorum the only master goes on being it, and of two none is", () => {
  const lost = view({ a: master, b: follower("a") }, [names("a"), undefined, undefined]);
  assert.deepEqual(lost, { master: "a", linked: ["b"], astray: [], quorum: false, agreeing: 1 });
  assert.equal(view({ a: master, b: master }, [undefined, undefined, undefined]).master, undefined);
});

test("sentinels that agree and do not reach each other are no quorum", () => {
  const cut = view({ a: master, b: follower("a") }, [names("a", false), names("a", false), names("a")]);
  assert.equal(cut.quorum, false);
  assert.equal(cut.master, "a");
});
