import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { identify, isAlive, type ProcessIdentity, signal } from "./process-identity.ts";

/** A process that outlives the command that started it. */
export type ProcessSpec = {
  /** Names its record and its log; unique in the cluster. */
  name: string;
  /** The program and its arguments. */
  command: readonly string[];
  /** The command that enters its namespaces, put before `command`. */
  enter?: readonly string[];
  /** Whether `enter` stays as a parent and the program is its child, as with a namespace for process ids. */
  forks?: boolean;
  env?: Readonly<Record<string, string>>;
  /** Content of configuration files that are read only at the start: a change of it restarts the process. */
  reads?: readonly string[];
};

export type ProcessFolders = { processes: string; logs: string };

const recordSchema = Type.Object({
  pid: Type.Integer({ minimum: 1 }),
  startTime: Type.String({ minLength: 1 }),
  digest: Type.String(),
});
type ProcessRecord = ProcessIdentity & { digest: string };

/** How long a process may take to end after SIGTERM before it gets SIGKILL, and after that before it is an error; milliseconds. */
const TERM_GRACE = 5_000;
const KILL_GRACE = 10_000;
/** A longer log is put aside when its process starts anew; bytes. */
const LOG_LIMIT = 32 * 2 ** 20;

/** What a process depends on: when it is the same, a running process is as good as a new one. */
export function digest(spec: ProcessSpec): string {
  const content = JSON.stringify([spec.enter ?? [], spec.command, spec.env ?? {}, spec.reads ?? []]);
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Starts the process unless it runs already as `spec` says; one that runs with another spec is replaced.
 *
 * @returns whether it was started
 * @throws CodedError `process_failed` when it ends at once
 */
export async function ensureProcess(folders: ProcessFolders, spec: ProcessSpec): Promise<boolean> {
  const running = runningProcess(folders, spec.name);
  if (running?.digest === digest(spec)) return false;
  if (running) await stopProcess(folders, spec.name);
  await startProcess(folders, spec);
  return true;
}

/** The record of a process that runs now. */
export function runningProcess(folders: ProcessFolders, name: string): ProcessRecord | undefined {
  const record = readRecord(folders, name);
  return record && isAlive(record) ? record : undefined;
}

/** The names of all processes that were started and not stopped, whether they still run or not. */
export function recordedProcesses(folders: ProcessFolders): string[] {
  try {
    return readdirSync(folders.processes)
      .filter((file) => file.endsWith(".json"))
      .map((file) => file.slice(0, -".json".length));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Ends a process, at once with SIGKILL as its first signal, and forgets it. One that does not run is no error. */
export async function stopProcess(
  folders: ProcessFolders,
  name: string,
  first: "SIGTERM" | "SIGKILL" = "SIGTERM",
): Promise<void> {
  const running = runningProcess(folders, name);
  if (running) {
    signal(running, first);
    const ended = () => !isAlive(running);
    if (first === "SIGTERM") {
      await until(ended, `${name} ends`, TERM_GRACE, { every: 10 }).catch((error: unknown) => {
        if (!(error instanceof CodedError && error.code === "timed_out")) throw error;
        signal(running, "SIGKILL");
      });
    }
    await until(ended, `process ${running.pid} (${name}) ends after SIGKILL`, KILL_GRACE, { every: 10 });
  }
  rmSync(recordFile(folders, name), { force: true });
}

/** The last lines of a process's log, for an error. */
export function logTail(folders: ProcessFolders, name: string, lines = 12): string {
  const file = logFile(folders, name);
  const text = readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  return `the end of ${file}:\n${text}`;
}

export function logFile(folders: ProcessFolders, name: string): string {
  return join(folders.logs, `${name}.log`);
}

async function startProcess(folders: ProcessFolders, spec: ProcessSpec): Promise<void> {
  mkdirSync(folders.processes, { recursive: true });
  mkdirSync(folders.logs, { recursive: true });
  const [program, ...args] = [...(spec.enter ?? []), ...spec.command];
  if (program === undefined) throw new CodedError("process_failed", `${spec.name} has no command`);
  const log = openLog(folders, spec.name);
  const child = spawn(program, args, {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
    // Not the caller's environment: proxy settings and the like would change what the parts of a cluster do.
    env: { PATH: process.env.PATH, HOME: "/root", ...spec.env },
  });
  closeSync(log);
  child.unref();
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) =>
      reject(new CodedError("process_failed", `cannot start ${spec.name}: ${cause.message}`, { cause })),
    );
  });
  const pid = child.pid;
  const identity = pid === undefined ? undefined : spec.forks ? await onlyChild(folders, spec, pid) : identify(pid);
  if (!identity) throw new CodedError("process_failed", `${spec.name} ended at once; ${logTail(folders, spec.name)}`);
  writeRecord(folders, spec.name, { ...identity, digest: digest(spec) });
}

async function onlyChild(folders: ProcessFolders, spec: ProcessSpec, parent: number): Promise<ProcessIdentity> {
  return until(
    () => {
      if (!identify(parent))
        throw new CodedError("process_failed", `${spec.name} ended at once; ${logTail(folders, spec.name)}`);
      const child = Number.parseInt(readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8"), 10);
      return Number.isNaN(child) ? undefined : identify(child);
    },
    `${spec.name} starts in its namespaces`,
    5_000,
    { every: 5 },
  );
}

function openLog(folders: ProcessFolders, name: string): number {
  const file = logFile(folders, name);
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_LIMIT) renameSync(file, `${file}.1`);
  return openSync(file, "a", 0o600);
}

function readRecord(folders: ProcessFolders, name: string): ProcessRecord | undefined {
  let text: string;
  try {
    text = readFileSync(recordFile(folders, name), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (Value.Check(recordSchema, value)) return value;
  throw new CodedError("broken_state", `${recordFile(folders, name)} is not a record of a process; remove it`);
}

function writeRecord(folders: ProcessFolders, name: string, record: ProcessRecord): void {
  const file = recordFile(folders, name);
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function recordFile(folders: ProcessFolders, name: string): string {
  return join(folders.processes, `${name}.json`);
}
