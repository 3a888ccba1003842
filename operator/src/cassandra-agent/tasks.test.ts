import assert from "node:assert/strict";
import { test } from "node:test";
import { Tasks } from "./tasks.ts";

/** A task whose end the test decides. */
function begin(tasks: Tasks, name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<unknown>();
  const state = tasks.start(name, () => promise, ended.resolve);
  return { state, resolve, reject, ended: ended.promise };
}

test("a task runs once, is known when it is completed, and is begun anew only when it has failed", async () => {
  const tasks = new Tasks();
  assert.deepEqual(tasks.state("a"), { state: "unknown" });
  const first = begin(tasks, "a");
  assert.deepEqual(first.state, { state: "running" });
  let begunAgain = false;
  const again = async () => {
    begunAgain = true;
  };
  assert.deepEqual(
    tasks.start("a", again, () => undefined),
    { state: "running" },
  );
  assert.equal(tasks.running("a"), "a");
  first.reject(new Error("the disk is full"));
  await first.ended;
  assert.deepEqual(tasks.state("a"), { state: "failed", message: "the disk is full" });
  assert.equal(tasks.running("a"), undefined);
  const second = begin(tasks, "a");
  second.resolve();
  await second.ended;
  assert.deepEqual(
    tasks.start("a", again, () => undefined),
    { state: "completed" },
  );
  assert.equal(begunAgain, false);
});

test("only so many are remembered, and none that runs is forgotten", async () => {
  const tasks = new Tasks();
  const long = begin(tasks, "long");
  for (let count = 0; count < 150; count++) {
    const { resolve, ended } = begin(tasks, `short ${count}`);
    resolve();
    await ended;
  }
  assert.deepEqual(tasks.state("long"), { state: "running" });
  assert.deepEqual(tasks.state("short 0"), { state: "unknown" });
  assert.deepEqual(tasks.state("short 149"), { state: "completed" });
  long.resolve();
  await long.ended;
});
