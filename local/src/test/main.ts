/** `npm test`: runs every test of the repository, stage by stage, starting what they need, and ends with `N passed, N failed`. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { serveSharedServices } from "../services/shared.ts";
import { type Outcome, runStage } from "./run-stage.ts";
import { stages } from "./stages.ts";

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

const usage = `Usage: npm test [-- STAGE …] [-- --only TEXT]

Runs every test, or those of the named stages:
  check        types, lint and format
${stages.map((stage) => `  ${stage.name.padEnd(12)} ${stage.what}`).join("\n")}

  --only TEXT  only test files whose path contains TEXT
  --help       this text
`;

/** Static checks; each counts as one test. */
const checks = [
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "lint and format", command: ["biome", "check", "--error-on-warnings", "."] },
];

function runChecks(): Outcome {
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, command } of checks) {
    const [program = "", ...args] = command;
    const { status, error } = spawnSync(join(root, "node_modules", ".bin", program), args, {
      cwd: root,
      stdio: "inherit",
    });
    const passed = status === 0 && error === undefined;
    outcome[passed ? "passed" : "failed"] += 1;
    print(`${passed ? "✔" : "✖"} ${name}${error ? `: ${error.message}` : ""}`);
  }
  return outcome;
}

/** Test processes share what takes long to start; it starts when the first one asks. */
async function withSharedServices(run: () => Promise<Outcome>): Promise<Outcome> {
  const shared = await serveSharedServices();
  Object.assign(process.env, shared.env);
  try {
    return await run();
  } finally {
    await shared.stop();
  }
}

function prepare([program, ...args]: readonly [string, ...string[]], add: (outcome: Outcome) => void): boolean {
  const { status } = spawnSync(process.execPath, [join(root, program), ...args], { cwd: root, stdio: "inherit" });
  print(`${status === 0 ? "✔" : "✖"} ${program} ${args.join(" ")}`);
  add({ passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 });
  return status === 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function parseCommandLine(args: string[]): { names: string[]; only: string; help: boolean } {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { only: { type: "string", default: "" }, help: { type: "boolean", short: "h", default: false } },
  });
  const known = ["check", ...stages.map((stage) => stage.name)];
  const unknown = positionals.filter((name) => name !== "all" && !known.includes(name));
  if (unknown.length > 0) throw new Error(`no such stage: ${unknown.join(", ")}`);
  const named = positionals.filter((name) => name !== "all");
  return { names: named.length > 0 ? named : known, only: values.only, help: values.help };
}

async function main(): Promise<number> {
  const { names, only, help } = parseCommandLine(process.argv.slice(2));
  if (help) {
    process.stdout.write(usage);
    return 0;
  }
  const total: Outcome = { passed: 0, failed: 0, skipped: 0 };
  const add = (outcome: Outcome): void => {
    for (const key of ["passed", "failed", "skipped"] as const) total[key] += outcome[key];
  };
  if (names.includes("check") && only === "") {
    print("── check: types, lint and format");
    add(runChecks());
  }
  for (const stage of stages.filter(({ name }) => names.includes(name))) {
    const files = stage.files(root).filter((file) => file.includes(only));
    if (files.length === 0) continue;
    const started = performance.now();
    print(`\n── ${stage.name}: ${stage.what} (${files.length} files)`);
    const prepared = stage.prepare === undefined || prepare(stage.prepare, add);
    if (prepared) add(await withSharedServices(() => runStage(stage, root, files)));
    print(`── ${stage.name} took ${Math.round((performance.now() - started) / 1000)} s`);
  }
  if (total.passed + total.failed === 0) {
    print("no test matched");
    return 1;
  }
  print(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
  return total.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
