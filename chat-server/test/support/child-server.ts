import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import manifest from "../../package.json" with { type: "json" };
import { COMMON, type Variables } from "./test-server.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** A server in a process of its own, which may be killed. */
export class ChildServer {
  readonly port: number;
  readonly adminPort: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  private constructor(child: ChildProcess, exit: Promise<number | null>, ports: { port: number; adminPort: number }) {
    this.#child = child;
    this.#exit = exit;
    this.port = ports.port;
    this.adminPort = ports.adminPort;
  }

  static async start(variables: Variables): Promise<ChildServer> {
    const { child, exit } = spawnServer({ ...COMMON, ...variables, CHAT_LOG_LEVEL: "info" });
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg, port, adminPort } = JSON.parse(line) as { msg?: string; port: number; adminPort: number };
      if (msg !== "listening") continue;
      // What follows is read and dropped, so that the pipe never fills.
      child.stdout.resume();
      letGo(child);
      return new ChildServer(child, exit, { port, adminPort });
    }
    throw new Error(`the server ended with status ${await exit}`);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("the server did not start");
    return pid;
  }

  /** As a crash: nothing is said, nothing is finished. */
  async kill(): Promise<void> {
    this.#child.ref();
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** Stops it without ending it (SIGSTOP), as a machine does that hangs; `resume` lets it go on. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** In order; resolves with the status. */
  async terminate(): Promise<number | null> {
    this.#child.ref();
    this.#child.kill("SIGTERM");
    return this.#exit;
  }
}

/** Runs the program to its end. */
export async function runServer(variables: Variables): Promise<{ status: number | null; stderr: string }> {
  const { child, exit } = spawnServer(variables);
  child.stdout.resume();
  let stderr = "";
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  return { status: await exit, stderr };
}

/** A test that fails half-way leaves its server behind: that keeps the test process from ending no longer, and ends with it. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref();
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
}

function spawnServer(variables: Variables) {
  const env = { PATH: process.env.PATH ?? "", ...variables };
  const child = spawn(process.execPath, [...manifest.config.nodeOptions.split(" "), MAIN], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exit = once(child, "exit").then(([status]) => status as number | null);
  return { child, exit };
}
