import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";

describe("volumes of the host path provisioner", () => {
  let folder: string;
  let program: ChildProcess;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "volumes-"));
    mkdirSync(join(folder, "earlier"), { mode: 0o750 });
    program = spawn(process.execPath, [fileURLToPath(new URL("open-volumes.ts", import.meta.url)), folder], {
      stdio: ["ignore", "inherit", "inherit"],
    });
  });
  after(() => {
    program.kill();
    rmSync(folder, { recursive: true });
  });

  const isOpen = (name: string) => (statSync(join(folder, name)).mode & 0o777) === 0o777;
  const opened = (name: string) => until(() => isOpen(name), `${name} is open to all`, 10_000, { every: 5 });

  it("can be written to by every user, the earlier ones and the new", async () => {
    await opened("earlier");
    mkdirSync(join(folder, "new"), { mode: 0o750 });
    await opened("new");
  });

  it("are changed once, though a change is an event itself", async () => {
    const { ctimeMs } = statSync(join(folder, "new"));
    mkdirSync(join(folder, "later"), { mode: 0o750 });
    await opened("later");
    assert.equal(statSync(join(folder, "new")).ctimeMs, ctimeMs);
    const later = statSync(join(folder, "later")).ctimeMs;
    mkdirSync(join(folder, "last"), { mode: 0o750 });
    await opened("last");
    assert.equal(statSync(join(folder, "later")).ctimeMs, later);
  });

  it("may be removed at any time", async () => {
    rmSync(join(folder, "new"), { recursive: true });
    mkdirSync(join(folder, "after"), { mode: 0o750 });
    await opened("after");
    assert.equal(program.exitCode, null);
  });
});
