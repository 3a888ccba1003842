import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { buildForBrowsers } from "../build.ts";

test("the browser bundle is under 15 kB minified and compressed, and holds no schema library", async () => {
  const bundle = await buildForBrowsers({ write: false });
  const { length } = gzipSync(bundle);
  assert.ok(length < 15_000, `${length} bytes`);
  assert.ok(length > 2_000, `${length} bytes: that can't be all of it`);
  const text = new TextDecoder().decode(bundle);
  assert.match(text, /ChatClient/);
  assert.doesNotMatch(text, /typebox|node:/i);
});
