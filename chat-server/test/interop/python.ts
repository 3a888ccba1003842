import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { tool } from "@chatcluster/local/tools";

const run = promisify(execFile);
const TIMEOUT_MS = 180_000;

/** Runs a Python program of this folder with the clients' packages. @throws Error with what it said last, if it does not end well */
export async function python(program: string, args: readonly string[]): Promise<string> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  try {
    const { stdout } = await run("python3", [file, ...args], {
      env: { PATH: process.env.PATH, PYTHONPATH: await tool("python-clients"), PYTHONDONTWRITEBYTECODE: "1" },
      timeout: TIMEOUT_MS,
      maxBuffer: 16 * 2 ** 20,
    });
    return stdout;
  } catch (error) {
    // A traceback ends with what went wrong; the command line with its tokens would come first.
    const { stderr = "" } = error as { stderr?: string };
    throw new Error(stderr.trim().split("\n").at(-1) || `${program} ended without a word`, { cause: error });
  }
}
