import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";

/** An exclusive lock that is held until it is released or the process that holds it dies, however it dies. */
export type Lock = { release(): Promise<void> };

/** What the child prints once it has the lock; until then it waits without output. */
const ACQUIRED = "locked\n";

/**
 * Waits for the exclusive lock on `file`, which is made if need be.
 *
 * The kernel's flock(2) is held by a child whose standard input is a pipe from this process: when this process ends, even by SIGKILL,
 * the pipe closes, the child ends and the lock is free. A lock file with a process id in it would stay behind instead.
 *
 * @throws CodedError `lock_failed`
 */
export async function acquireLock(file: string, onWait?: () => void): Promise<Lock> {
  await mkdir(dirname(file), { recursive: true });
  const holder = spawn("flock", ["--exclusive", file, "sh", "-c", "echo locked; cat >/dev/null"], {
    stdio: ["pipe", "pipe", "pipe"],
    // A group of its own, or Ctrl-C would free the lock while its owner still cleans up.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  const waiting = onWait && setTimeout(onWait, 1000);
  try {
    await new Promise<void>((resolve, reject) => {
      let output = "";
      holder.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (output.endsWith(ACQUIRED)) resolve();
      });
      let errors = "";
      holder.stderr.on("data", (chunk: Buffer) => {
        errors += chunk.toString();
      });
      holder.once("error", (cause) =>
        reject(new CodedError("lock_failed", `cannot run flock (util-linux) to lock ${file}`, { cause })),
      );
      holder.once("close", () => reject(new CodedError("lock_failed", `cannot lock ${file}: ${errors.trim()}`)));
    });
  } finally {
    clearTimeout(waiting);
  }
  return {
    async release() {
      holder.stdin.end();
      await ended;
    },
  };
}
