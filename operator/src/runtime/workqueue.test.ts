import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "./testing/fake-clock.ts";
import { Workqueue } from "./workqueue.ts";

const backoff = { baseMs: 100, capMs: 1_000, jitter: 0 };

test("an item that is added often is handed out once", async () => {
  const queue = new Workqueue<string>();
  for (const item of ["a", "b", "a", "a"]) queue.add(item);
  assert.equal(queue.depth, 2);
  assert.deepEqual([await queue.get(), await queue.get()], ["a", "b"]);
});

test("an item in work is given to no other worker, and once more after it was added meanwhile", async () => {
  const queue = new Workqueue<string>();
  queue.add("a");
  await queue.get();
  queue.add("a");
  queue.add("a");
  assert.equal(queue.depth, 0);
  const next = queue.get();
  queue.done("a");
  assert.equal(await next, "a");
  queue.done("a");
  assert.equal(queue.depth, 0);
});

test("a waiting worker gets an item as soon as it is added", async () => {
  const queue = new Workqueue<string>();
  const waiting = [queue.get(), queue.get()];
  queue.add("a");
  queue.add("b");
  assert.deepEqual(await Promise.all(waiting), ["a", "b"]);
});

test("of two delays of one item the earlier counts, and it is handed out once", () => {
  const clock = new FakeClock();
  const queue = new Workqueue<string>({ clock });
  queue.addAfter("a", 500);
  queue.addAfter("a", 200);
  queue.addAfter("a", 900);
  assert.equal(queue.delayed, 1);
  clock.advance(199);
  assert.equal(queue.depth, 0);
  clock.advance(1);
  assert.equal(queue.depth, 1);
  clock.advance(10_000);
  assert.equal(queue.depth, 1);
});

test("back-off doubles per item up to the cap, and forget ends it", () => {
  const queue = new Workqueue<string>({ clock: new FakeClock(), backoff });
  const delays = Array.from({ length: 6 }, () => queue.addRateLimited("a"));
  assert.deepEqual(delays, [100, 200, 400, 800, 1_000, 1_000]);
  assert.equal(queue.retries("a"), 6);
  assert.equal(queue.addRateLimited("b"), 100);
  queue.forget("a");
  assert.equal(queue.addRateLimited("a"), 100);
});

test("jitter only shortens a delay", () => {
  const queue = new Workqueue<number>({ clock: new FakeClock(), backoff: { ...backoff, jitter: 0.5 } });
  const delays = Array.from({ length: 200 }, (_, item) => queue.addRateLimited(item));
  assert.ok(delays.every((delay) => delay > 49 && delay <= 100));
  assert.ok(new Set(delays).size > 100);
});

test("shutting down refuses new items, drops delayed ones and waits for those in work", async () => {
  const clock = new FakeClock();
  const queue = new Workqueue<string>({ clock });
  queue.add("working");
  await queue.get();
  queue.add("ready");
  queue.addAfter("delayed", 10);
  let isDrained = false;
  const drained = queue.shutDown().then(() => {
    isDrained = true;
  });
  queue.add("late");
  clock.advance(10);
  queue.done("working");
  assert.equal(await queue.get(), "ready");
  assert.equal(isDrained, false);
  queue.done("ready");
  await drained;
  assert.equal(await queue.get(), undefined);
});

test("shutting down wakes the workers that wait", async () => {
  const queue = new Workqueue<string>();
  const waiting = queue.get();
  await queue.shutDown();
  assert.equal(await waiting, undefined);
});
