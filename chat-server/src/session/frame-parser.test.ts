import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FrameError, parseFrame } from "./frame-parser.ts";

test("whatever is sent is a frame or an error with a code", () => {
  const near = fc.record(
    {
      type: fc.constantFrom("send", "login", "ping", "receipt", "dance"),
      id: fc.anything(),
      text: fc.anything(),
      device: fc.anything(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        near.map((value) => JSON.stringify(value) ?? ""),
      ),
      (text) => {
        try {
          assert.equal(typeof parseFrame(text).type, "string");
        } catch (error) {
          assert.ok(error instanceof FrameError, String(error));
          assert.ok(error.message.length < 300);
        }
      },
    ),
  );
});

test("the error names the field", () => {
  const text = JSON.stringify({ type: "send", id: 1, conversationId: "c", clientId: "a b", text: "x" });
  assert.throws(() => parseFrame(text), /clientId/);
  assert.throws(() => parseFrame('{"type":"login","id":1,"device":{}}'), /device/);
});
