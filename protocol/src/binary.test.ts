import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BinaryFrameError, decodeMessage, decodeSend, encodeMessage, encodeSend } from "./binary.ts";

const id = fc.stringMatching(/^[A-Za-z0-9._@+~|=-]{1,128}$/);
const content = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 200 }),
  fc.constant("\ufeffwith a byte order mark"),
  fc.uint8Array({ maxLength: 300 }),
);
const plain = { noNullPrototype: true };
const send = fc.record({ id: fc.nat({ max: 2 ** 32 - 1 }), conversationId: id, clientId: id, content }, plain);
const message = fc.record(
  {
    id: fc.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
    conversationId: id,
    senderId: id,
    clientId: id,
    sentAt: fc.maxSafeNat(),
    content,
    position: fc.record({ epoch: fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/), offset: fc.maxSafeNat() }, plain),
  },
  plain,
);

test("what is encoded is decoded to the same, also inside a larger buffer", () => {
  const inside = (bytes: Uint8Array) => new Uint8Array([9, 9, ...bytes, 9]).subarray(2, 2 + bytes.length);
  fc.assert(fc.property(send, (one) => assert.deepEqual(decodeSend(inside(encodeSend(one))), one)));
  fc.assert(fc.property(message, (one) => assert.deepEqual(decodeMessage(inside(encodeMessage(one))), one)));
});

test("whatever the bytes are, they are a frame or a BinaryFrameError", () => {
  const broken = fc
    .tuple(fc.oneof(send.map(encodeSend), message.map(encodeMessage)), fc.nat(), fc.nat({ max: 255 }), fc.boolean())
    .map(([bytes, at, value, cut]) => {
      const place = at % (bytes.length + 1);
      return cut ? bytes.subarray(0, place) : bytes.with(Math.min(place, bytes.length - 1), value);
    });
  fc.assert(
    fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      for (const decode of [decodeSend, decodeMessage])
        try {
          decode(bytes);
        } catch (error) {
          assert.ok(error instanceof BinaryFrameError, String(error));
        }
    }),
    { numRuns: 2_000 },
  );
});

test("the bytes are those that PROTOCOL.md says", () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  const request = { id: 7, conversationId: "l-a", clientId: "m1", content: new Uint8Array([1, 255]) };
  assert.equal(hex(encodeSend(request)), "0101000302000000076c2d616d3101ff");
  const event = {
    id: "01M86A5SB50000YSWTP1A4MCRH",
    conversationId: "l-a",
    clientId: "m1",
    senderId: "ada",
    sentAt: 1_795_500_000_000,
    content: "é",
    position: { epoch: "e", offset: 258 },
  };
  const idHex = hex(new TextEncoder().encode(event.id));
  assert.equal(
    hex(encodeMessage(event)),
    `01020103020301${"0000000000000102"}${"000001a20c23c300"}${idHex}${"6c2d61"}6d31${"616461"}65c3a9`,
  );
});
