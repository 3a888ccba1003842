import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "@chatcluster/protocol";
import fc from "fast-check";
import { FrameError, parseFrame } from "../../src/session/frame-parser.ts";
import { frameText, validFrame } from "./arbitrary-frame.ts";
import { FUZZ_SEED } from "./settings.ts";

const CODES: ReadonlySet<string> = new Set(Object.values(ErrorCode));

test("whatever a frame's text is, it is taken or refused with a code of the protocol", () => {
  fc.assert(
    fc.property(frameText({}), (text) => {
      try {
        assert.equal(typeof parseFrame(text).id, "number");
      } catch (error) {
        assert.ok(error instanceof FrameError, String(error));
        assert.ok(CODES.has(error.code) && error.code !== ErrorCode.Internal, error.code);
        assert.ok(error.message.length < 1_000, "an error does not send back what was sent");
      }
    }),
    { numRuns: 2_000, seed: FUZZ_SEED },
  );
  assert.ok(!("polluted" in {}));
});

test("whatever the schemas allow is taken", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(validFrame({}), (frame) => {
      seen.add(parseFrame(JSON.stringify(frame)).type);
    }),
    { numRuns: 1_000, seed: FUZZ_SEED },
  );
  assert.ok(seen.size >= 8, `only ${[...seen].join()}`);
});
