import { encodeSend } from "@chatcluster/protocol";
import fc from "fast-check";
import type { Known } from "./arbitrary-frame.ts";

/** Binary frames, good and broken, and bytes that are none. */
export function binaryFrame(known: Known): fc.Arbitrary<Uint8Array> {
  const name = (names: readonly string[] = []) =>
    fc.oneof(fc.constantFrom("", "l-nothing", ...names), fc.string({ unit: "binary", maxLength: 60 }));
  const good = fc
    .record({
      id: fc.nat({ max: 2 ** 32 - 1 }),
      conversationId: name(known.conversationId),
      clientId: name(),
      content: fc.oneof(
        fc.uint8Array({ maxLength: 500 }),
        fc.string({ unit: "binary", maxLength: 500 }),
        fc.integer({ min: 47_990, max: 48_010 }).map((length) => new Uint8Array(length)),
      ),
    })
    .map(encodeSend);
  const broken = fc
    .tuple(good, fc.nat({ max: 12 }), fc.nat({ max: 255 }))
    .map(([bytes, at, value]) => bytes.with(Math.min(at, bytes.length - 1), value));
  const cut = fc.tuple(good, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.length + 1)));
  return fc.oneof(good, broken, cut, fc.uint8Array({ maxLength: 100 }));
}
