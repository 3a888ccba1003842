import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assignRingIds, RING_IDS, ringIdOf } from "./ring-id.ts";

/** Two names whose hashes are the same id. */
function collidingNames(): [string, string] {
  const seen = new Map<number, string>();
  for (let index = 0; ; index += 1) {
    const name = `chat-${index}`;
    const other = seen.get(ringIdOf(name));
    if (other !== undefined) return [other, name];
    seen.set(ringIdOf(name), name);
  }
}

test("ids follow from the names alone, not from the order or from repetition", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,20}$/)), (names) => {
      const sorted = assignRingIds([...names].sort());
      assert.deepEqual(assignRingIds(names), sorted);
      assert.deepEqual(assignRingIds([...names, ...names].reverse()), sorted);
    }),
  );
});

test("every id is one that the ring tells apart", () => {
  const ids = [...assignRingIds(Array.from({ length: 5000 }, (_, index) => `sample-chat-${index}`)).values()];
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.ok(id >= 1 && id <= RING_IDS && id % 2 ** 20 === id);
});

test("of two names that collide the first keeps its id and the second takes the next", () => {
  const [a, b] = collidingNames();
  const [first = "", second = ""] = [a, b].sort();
  const ids = assignRingIds([b, a]);
  assert.equal(ids.get(first), ringIdOf(first));
  assert.equal(ids.get(second), (ringIdOf(first) % RING_IDS) + 1);
});

// A change would move users while an upgrade is under way.
test("the id of a name never changes with the version of the agent", () => {
  assert.equal(ringIdOf("sample-chat-7d9f8b6c5d-x2x4z"), 234387);
});
