import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { acquireLock } from "./lock.ts";

test("the lock passes from one holder to the next when it is released", async (t) => {
  const file = await lockFile(t);
  const first = await acquireLock(file);
  let second = false;
  const waiting = acquireLock(file).then((lock) => {
    second = true;
    return lock;
  });
  const third = acquireLock(`${file}.other`);
  await (await third).release();
  assert.equal(second, false);
  await first.release();
  await (await waiting).release();
});

test("a holder that is killed loses the lock", async (t) => {
  const file = await lockFile(t);
  const program = `
    import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
    await acquireLock(${JSON.stringify(file)});
    console.log("held");
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  let acquired = false;
  const waiting = acquireLock(file).then((lock) => {
    acquired = true;
    return lock;
  });
  await (await acquireLock(`${file}.other`)).release();
  assert.equal(acquired, false);
  holder.kill("SIGKILL");
  await (await waiting).release();
});

test("a lock that cannot be taken names the file", async () => {
  await assert.rejects(acquireLock("/proc/self/status/lock"), /\/proc\/self\/status/);
});

async function lockFile(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "chatcluster-lock-"));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, "lock");
}
