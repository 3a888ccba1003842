import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { fitText } from "./fit-text.ts";

const encode = (text: string) => JSON.stringify({ text });

it("fits any text, keeps a whole one, and cuts no more than it must", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 200 }),
      fc.integer({ min: 14, max: 300 }),
      (text, maxBytes) => {
        const fitted = fitText(text, maxBytes, encode) ?? assert.fail();
        assert.ok(Buffer.byteLength(fitted) <= maxBytes);
        const shown = (JSON.parse(fitted) as { text: string }).text;
        if (Buffer.byteLength(encode(text)) <= maxBytes) assert.equal(shown, text);
        else if (shown !== "") assert.ok(shown.endsWith("…") && text.startsWith(shown.slice(0, -1)));
        assert.ok(shown.isWellFormed());
      },
    ),
    { numRuns: 300 },
  );
});

it("says so when not even the empty text fits", () => {
  assert.equal(fitText("x", 10, encode), undefined);
});
