import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { CodedError } from "@chatcluster/foundation/errors";

export type Kubectl = {
  /** Path of the program, for people. */
  program: string;
  kubeconfig: string;
  /** Runs it to its end with `input` on its standard input. @throws CodedError `kubectl_failed` with what it said */
  run(args: readonly string[], input?: string): Promise<string>;
  /** Runs it with `-o json`. @throws CodedError `kubectl_failed` */
  json(args: readonly string[]): Promise<unknown>;
};

/** kubectl for one kubeconfig. Its discovery cache is kept in `cache`, since another cluster may have had the same address before. */
export function kubectlFor(program: string, kubeconfig: string, cache: string): Kubectl {
  const run = async (args: readonly string[], input = ""): Promise<string> => {
    const child = spawn(program, [...args], {
      env: { PATH: process.env.PATH, KUBECONFIG: kubeconfig, KUBECACHEDIR: cache },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const status = new Promise<string>((resolve, reject) => {
      child.once("error", (cause) => reject(new CodedError("kubectl_failed", `cannot start ${program}`, { cause })));
      child.once("close", (code, signal) => resolve(signal ?? String(code)));
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const [ended, output, errors] = await Promise.all([status, text(child.stdout), text(child.stderr)]);
    if (ended === "0") return output;
    throw new CodedError("kubectl_failed", `kubectl ${args.join(" ")}: ${errors.trim() || `ended with ${ended}`}`);
  };
  return { program, kubeconfig, run, json: async (args) => JSON.parse(await run([...args, "-o", "json"])) };
}
