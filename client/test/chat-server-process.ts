import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../chat-server/src/main.ts", import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** A real chat server on the embedded default, on 127.0.0.1, in a process of its own. It keeps its port and data over `restart`. */
export class ChatServerProcess implements AsyncDisposable {
  readonly secret = "a secret of the tests alone: 32 bytes or more";
  readonly #directory: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  #port = 0;

  private constructor(directory: string, env: Record<string, string>) {
    this.#directory = directory;
    this.#env = env;
  }

  /** @param env further settings, by their names in docs/architecture.md. */
  static async start(env: Record<string, string> = {}): Promise<ChatServerProcess> {
    const server = new ChatServerProcess(await mkdtemp(join(tmpdir(), "chat-server-")), env);
    await server.restart();
    return server;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/chat`;
  }

  /** Starts it, after it has ended. @throws Error with its output if it does not come up. */
  async restart(): Promise<void> {
    const child = spawn(process.execPath, [MAIN], {
      cwd: this.#directory,
      env: {
        PATH: process.env.PATH ?? "",
        CHAT_HOST: "127.0.0.1",
        CHAT_PORT: String(this.#port),
        CHAT_ADMIN_PORT: "0",
        CHAT_DATA_DIR: join(this.#directory, "data"),
        CHAT_JWT_SECRET: this.secret,
        ...this.#env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    // A test that fails half-way must not leave it behind.
    const killOnExit = () => child.kill("SIGKILL");
    process.once("exit", killOnExit);
    child.once("exit", () => process.off("exit", killOnExit));
    this.#port = await listening(child);
  }

  /** Ends it at once, as a crash would. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Asks it to drain and end (SIGTERM), and waits until it has. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** A JWT for a user, good for an hour. */
  token(userId: string): string {
    const now = Math.floor(Date.now() / 1_000);
    const signed = [
      { alg: "HS256", typ: "JWT" },
      { sub: userId, iat: now, exp: now + 3_600 },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${signed}.${createHmac("sha256", this.secret).update(signed).digest("base64url")}`;
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}

/** Waits for the line of the log that says the port. */
function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const output: string[] = [];
    const fail = (problem: string) => reject(new Error(`the chat server ${problem}:\n${output.slice(-30).join("\n")}`));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`was not up within ${START_TIMEOUT_MS} ms`);
    }, START_TIMEOUT_MS);
    child.once("error", reject);
    child.once("exit", (code) => fail(`ended with status ${code}`));
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      // Read to the end, or the child would stop at a full pipe.
      createInterface(stream).on("line", (line) => {
        output.push(line);
        if (output.length > 100) output.shift();
        if (!line.startsWith("{") || !line.includes('"msg":"listening"')) return;
        clearTimeout(timer);
        resolve((JSON.parse(line) as { port: number }).port);
      });
    }
  });
}
