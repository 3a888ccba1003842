import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SequenceSet } from "../k6/sequence-set.ts";

test("it is a set, and counts what another one has more, in any order of arrival", () => {
  const numbers = fc.array(fc.integer({ min: 0, max: 40 }));
  fc.assert(
    fc.property(numbers, numbers, (ours, theirs) => {
      const [a, b] = [new SequenceSet(), new SequenceSet()];
      const [modelA, modelB] = [new Set<number>(), new Set<number>()];
      for (const n of ours) assert.equal(a.add(n), modelA.size < modelA.add(n).size);
      for (const n of theirs) assert.equal(b.add(n), modelB.size < modelB.add(n).size);
      assert.equal(a.size, modelA.size);
      assert.equal(a.missing(b), [...modelB].filter((n) => !modelA.has(n)).length);
    }),
  );
});
