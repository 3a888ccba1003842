import assert from "node:assert/strict";
import { test } from "node:test";
import { quantityValue } from "./quantity.ts";

test("quantities are compared by what they mean", () => {
  const values = { "1Gi": 2 ** 30, "1G": 1e9, "1024Mi": 2 ** 30, "0.5Gi": 2 ** 29, "100m": 0.1, "7": 7, "1k": 1000 };
  for (const [quantity, value] of Object.entries(values)) assert.equal(quantityValue(quantity), value, quantity);
});
