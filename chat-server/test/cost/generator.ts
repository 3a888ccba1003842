import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

/**
 * A load generator in a process of its own: its CPU is not the server's, and a process may have 20,000 files open only. It is a program of this
 * folder that calls {@link generate}.
 */
export class Generator<Result> {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** Resolves when it is ready to start: connected, signed in, warm. */
  static async start<Result>(program: string, options: object): Promise<Generator<Result>> {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const child = spawn(process.execPath, [path, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
    const generator = new Generator<Result>(child, createInterface({ input: child.stdout }));
    await generator.#line("ready");
    return generator;
  }

  /** Has it do its work; resolves with what came of it. */
  async run(): Promise<Result> {
    this.#child.stdin?.write("start\n");
    return JSON.parse(await this.#line("result")) as Result;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  async #line(kind: "ready" | "result"): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the generator ended before its time");
    const line = value as string;
    if (!line.startsWith(kind)) throw new Error(`${line}, not ${kind}`);
    return line.slice(kind.length);
  }
}

/**
 * The other side: prepares, says so, works when it is told to, and prints what came of it; without work it is just there. Ends
 * with its parent.
 */
export async function generate<Options, Result>(
  prepare: (options: Options) => Promise<(() => Promise<Result>) | undefined>,
): Promise<void> {
  const input = createInterface({ input: process.stdin });
  input.once("close", () => process.exit());
  const work = await prepare(JSON.parse(process.argv[2] ?? "{}") as Options);
  process.stdout.write("ready\n");
  if (!work) return;
  await once(input, "line");
  process.stdout.write(`result${JSON.stringify(await work())}\n`);
}
