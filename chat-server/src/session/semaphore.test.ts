import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Semaphore } from "./semaphore.ts";

test("so much is under way at once, and the rest comes in the order in which it asked", async () => {
  const semaphore = new Semaphore(2);
  const order: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const runs = gates.map((gate, index) =>
    semaphore.run(async () => {
      order.push(index);
      await gate.promise;
      return index;
    }),
  );
  await turn();
  assert.deepEqual(order, [0, 1]);
  gates[1]?.resolve();
  await turn();
  assert.deepEqual(order, [0, 1, 2]);
  for (const gate of gates) gate.resolve();
  assert.deepEqual(await Promise.all(runs), [0, 1, 2, 3, 4]);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
});

test("what fails gives its place back", async () => {
  const semaphore = new Semaphore(1);
  for (let attempt = 0; attempt < 3; attempt++)
    await assert.rejects(semaphore.run(() => Promise.reject(new Error("no"))));
  assert.equal(await semaphore.run(async () => "yes"), "yes");
});
