import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { generatedFiles } from "./generated-files.ts";

for (const [path, text] of generatedFiles()) {
  test(`${path} is what the schemas say (npm run generate -w operator writes it)`, () => {
    assert.equal(readFileSync(join(import.meta.dirname, "../../..", path), "utf8"), text);
  });
}
