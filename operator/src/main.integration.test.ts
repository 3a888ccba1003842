import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("./main.ts", import.meta.url));

/** Runs the program to its end. @returns its exit code, and what it logged */
async function run(env: Record<string, string>): Promise<{ code: number | null; lines: Record<string, unknown>[] }> {
  const child = spawn(process.execPath, [PROGRAM], {
    env: { PATH: process.env.PATH, OPERATOR_HEALTH_HOST: "127.0.0.1", OPERATOR_HEALTH_PORT: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  const lines = output.split("\n").filter((line) => line !== "");
  return { code: code as number | null, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("without a way to an API server it says so once and ends", async (t) => {
  const home = await mkdtemp(join(tmpdir(), "operator-home-"));
  t.after(() => rm(home, { recursive: true }));
  const broken = join(home, "broken");
  await writeFile(broken, "current-context: nowhere\nclusters: []\ncontexts: []\nusers: []\n");
  for (const [env, message] of [
    [{ HOME: home }, /no way to an API server.*KUBECONFIG/],
    [{ KUBECONFIG: join(home, "absent") }, /absent.*cannot be read/],
    [{ KUBECONFIG: broken }, /"nowhere" names no cluster/],
  ] as const) {
    const { code, lines } = await run(env);
    assert.equal(code, 1);
    assert.equal(lines.length, 1, JSON.stringify(lines));
    assert.match(String(lines[0]?.msg), message);
  }
});

test("a wrong environment is named, every variable of it, and ends it", async () => {
  const { code, lines } = await run({ OPERATOR_MAX_CONCURRENT: "none", OPERATOR_LOG_LEVEL: "loud" });
  assert.equal(code, 1);
  assert.match(
    String(lines[0]?.msg),
    /OPERATOR_MAX_CONCURRENT[\s\S]*OPERATOR_LOG_LEVEL|OPERATOR_LOG_LEVEL[\s\S]*OPERATOR_MAX_CONCURRENT/,
  );
});
