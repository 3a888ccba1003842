import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Progress } from "../cache/entry.ts";

/** How much of a failed command's output its error shows. */
const SHOWN_LINES = 20;

export type CommandOptions = {
  cwd?: string;
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>;
  /** Takes each line of standard error, and of standard output. */
  onLine?: Progress;
};

/**
 * Runs a program to its end, without a shell.
 *
 * @returns its standard output
 * @throws CodedError `command_failed`, with the command and the end of its output
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  const recent: string[] = [];
  const read = (line: string): void => {
    recent.push(line);
    if (recent.length > SHOWN_LINES) recent.shift();
    options.onLine?.(line);
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    output.push(line);
    read(line);
  });
  createInterface({ input: child.stderr }).on("line", read);
  const shown = [command, ...args].join(" ");
  const status = await new Promise<string>((resolve, reject) => {
    child.once("error", (cause) =>
      reject(new CodedError("command_failed", `cannot start ${shown}: ${cause.message}`, { cause })),
    );
    child.once("close", (code, signal) => resolve(signal ?? String(code)));
  });
  if (status === "0") return output.join("\n");
  throw new CodedError("command_failed", `${shown} ended with ${status}:\n${recent.join("\n")}`);
}
