import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { takeRunLock } from "./run-lock.ts";

describe("the lock of a cluster's state", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "lock-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("refuses a second command and names the first, until that has ended", async () => {
    const file = join(folder, "state", "lock");
    const lock = await takeRunLock(file, "npm run up");
    await assert.rejects(takeRunLock(file, "npm run down"), {
      code: "locked",
      message: new RegExp(`npm run up \\(process ${process.pid}\\)`),
    });
    await lock.release();
    await (await takeRunLock(file, "npm run down")).release();
  });

  it("is free again once its owner was killed", async () => {
    const file = join(folder, "killed");
    const module = new URL("run-lock.ts", import.meta.url).href;
    const program = `await (await import(${JSON.stringify(module)})).takeRunLock(${JSON.stringify(file)}, "owner"); console.log("taken"); setInterval(() => 0, 1e6);`;
    const owner = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => owner.stdout.once("data", resolve));
    await assert.rejects(takeRunLock(file, "second"), { code: "locked" });
    owner.kill("SIGKILL");
    const lock = await until(
      () => takeRunLock(file, "second").catch(() => undefined),
      "the dead owner's lock is taken over",
      5_000,
      { every: 20 },
    );
    await lock.release();
  });
});
