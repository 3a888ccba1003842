import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";

export type RunLock = { release(): Promise<void> };

/** The status with which flock(1) says that another one holds the lock. */
const CONFLICT = 75;

/**
 * Takes the lock of a cluster's state for the command that is named, or refuses at once: two commands must not change it together.
 *
 * The kernel's flock(2) is held by a child that ends with this process however it ends, so a dead owner leaves no lock behind; the
 * owner's process id in the file is only for the message.
 *
 * @throws CodedError `locked`, with the owner; `lock_failed`
 */
export async function takeRunLock(file: string, command: string): Promise<RunLock> {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn(
    "flock",
    [
      "--exclusive",
      "--nonblock",
      "--conflict-exit-code",
      String(CONFLICT),
      file,
      "sh",
      "-c",
      "echo locked; cat >/dev/null",
    ],
    // A group of its own, or Ctrl-C would free the lock while its owner still cleans up.
    { stdio: ["pipe", "pipe", "pipe"], detached: true },
  );
  const ended = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let errors = "";
    holder.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString();
    });
    holder.stdout.once("data", () => resolve());
    holder.once("error", (cause) =>
      reject(new CodedError("lock_failed", `cannot run flock (util-linux) to lock ${file}`, { cause })),
    );
    holder.once("close", (status) =>
      reject(
        status === CONFLICT
          ? new CodedError(
              "locked",
              `another command works on this cluster: ${readFileSync(file, "utf8").trim()}. Wait until it has ended`,
            )
          : new CodedError("lock_failed", `cannot lock ${file}: ${errors.trim()}`),
      ),
    );
  });
  writeFileSync(file, `${command} (process ${process.pid})\n`);
  return {
    async release() {
      holder.stdin.end();
      await ended;
    },
  };
}
