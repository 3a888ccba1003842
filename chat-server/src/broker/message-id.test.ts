import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageId } from "@chatcluster/protocol";
import fc from "fast-check";
import { Value } from "typebox/value";
import { messageId, randomPart, timeOf, writeTimeOf } from "./message-id.ts";

const place = fc.record({
  at: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  sequence: fc.integer({ min: 0, max: 2 ** 20 - 1 }),
});

test("ids sort by time, then by sequence, and tell their time", () => {
  fc.assert(
    fc.property(place, place, (a, b) => {
      const [first, second] = [messageId(a.at, a.sequence, randomPart()), messageId(b.at, b.sequence, randomPart())];
      assert.ok(Value.Check(MessageId, first));
      assert.equal(timeOf(first), a.at);
      const order = a.at - b.at || a.sequence - b.sequence;
      if (order < 0) assert.ok(first < second && writeTimeOf(first) <= writeTimeOf(second));
    }),
  );
});
