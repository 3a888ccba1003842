import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { makeServiceDirectory, removeServiceDirectory } from "./directory.ts";

const POLL_MILLISECONDS = 50;
const SHOWN_LINES = 30;

/** What a test may do to a real service. Addresses and data stay the same over {@link ServiceControl.restart}. */
export type ServiceControl = {
  /** Ends it in order and deletes its data. */
  stop(): Promise<void>;
  /** Ends it at once (SIGKILL), as a crash would; data stays. */
  kill(): Promise<void>;
  /** Starts it again with its data, after ending it in order if it runs. */
  restart(): Promise<void>;
  /** Stops its execution (SIGSTOP), as a hung machine would look: connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** The end of what it has logged. */
  logTail(): Promise<string>;
};

export type ServiceProcessOptions = {
  name: string;
  /** Program and arguments, given the service's own folder. */
  command(directory: string): Promise<readonly string[]>;
  env?: Readonly<Record<string, string>>;
  /** Rejects while the service is not ready; asked again and again until it resolves. */
  ready(): Promise<void>;
  readySeconds: number;
  /** How long it may take to end in order before it is killed; 0 kills at once. */
  stopSeconds: number;
};

/**
 * A real service on 127.0.0.1, for tests. It dies with this process, however this process ends: the kernel sends it SIGKILL
 * (prctl(2), PR_SET_PDEATHSIG).
 */
export class ServiceProcess implements ServiceControl, AsyncDisposable {
  readonly directory: string;
  readonly #options: ServiceProcessOptions;
  #child: ChildProcess | undefined;

  private constructor(options: ServiceProcessOptions, directory: string) {
    this.#options = options;
    this.directory = directory;
  }

  /** @throws CodedError `service_failed` with the end of the service's log, if it ends or is not ready in time */
  static async start(options: ServiceProcessOptions): Promise<ServiceProcess> {
    const service = new ServiceProcess(options, await makeServiceDirectory(options.name));
    try {
      await service.#run();
    } catch (error) {
      await service.stop();
      throw error;
    }
    return service;
  }

  get pid(): number {
    const pid = this.#running()?.pid;
    if (pid === undefined) throw new CodedError("service_not_running", `${this.#options.name} is not running`);
    return pid;
  }

  async stop(): Promise<void> {
    await this.#end();
    await removeServiceDirectory(this.directory);
  }

  async kill(): Promise<void> {
    const child = this.#running();
    if (child) await endBy(child, "SIGKILL");
  }

  async restart(): Promise<void> {
    await this.#end();
    await this.#run();
  }

  pause(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.pid, "SIGCONT");
  }

  async logTail(): Promise<string> {
    const text = await readFile(this.#logFile(), "utf8");
    return text.trimEnd().split("\n").slice(-SHOWN_LINES).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #logFile(): string {
    return join(this.directory, "log");
  }

  #running(): ChildProcess | undefined {
    const child = this.#child;
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null ? child : undefined;
  }

  async #run(): Promise<void> {
    const command = await this.#options.command(this.directory);
    const log = openSync(this.#logFile(), "a");
    try {
      this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
        cwd: this.directory,
        env: { ...process.env, ...this.#options.env },
        stdio: ["ignore", log, log],
      });
    } finally {
      closeSync(log);
    }
    const child = this.#child;
    await once(child, "spawn");
    // A test file that forgets a service must still come to its end.
    child.unref();
    await this.#untilReady();
  }

  async #untilReady(): Promise<void> {
    const deadline = performance.now() + this.#options.readySeconds * 1000;
    for (;;) {
      try {
        await this.#options.ready();
        if (this.#running()) return;
      } catch (error) {
        if (performance.now() > deadline) {
          const seconds = this.#options.readySeconds;
          await this.#fail(`was not ready within ${seconds} s (${messageOf(error)})`);
        }
      }
      if (!this.#running()) await this.#fail("ended while it started");
      await delay(POLL_MILLISECONDS);
    }
  }

  async #fail(what: string): Promise<never> {
    const log = await this.logTail();
    throw new CodedError("service_failed", `${this.#options.name} ${what}; the end of its log:\n${log}`);
  }

  async #end(): Promise<void> {
    const child = this.#running();
    if (!child) return;
    if (this.#options.stopSeconds === 0) return endBy(child, "SIGKILL");
    this.resume();
    const timer = setTimeout(() => child.kill("SIGKILL"), this.#options.stopSeconds * 1000);
    await endBy(child, "SIGTERM");
    clearTimeout(timer);
  }
}

async function endBy(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  child.ref();
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}
