import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { recipes } from "../../../local/src/images/recipes.ts";
import manifest from "../../package.json" with { type: "json" };

const BOOTSTRAP = fileURLToPath(new URL("../../../local/bootstrap.mjs", import.meta.url));
const MEBIBYTE = 2 ** 20;

test("the image runs the server with the options that its memory was measured with", () => {
  const { Env = [] } = recipes["chat-server"].config;
  const options = Env.find((variable) => variable.startsWith("NODE_OPTIONS=")) ?? "";
  assert.ok(options.includes(manifest.config.nodeOptions), options);
});

test("so does npm start: the young generation stays as small as they say", () => {
  const output = execFileSync(process.execPath, [BOOTSTRAP, "chat-server/test/cost/young-generation.ts"]);
  const semiSpace = Number(/--max-semi-space-size=(\d+)/.exec(manifest.config.nodeOptions)?.[1]);
  assert.ok(Number(output) <= 2 * semiSpace * MEBIBYTE, `${output} bytes`);
});
