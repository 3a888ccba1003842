/** `npm test`: runs every test of the repository, stage by stage, starting what they need, and ends with `N passed, N failed`. */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { serveSharedServices } from "../services/shared.ts";
import { addFailure, addOutcome, type Outcome, summary } from "./outcome.ts";
import { runStage } from "./run-stage.ts";
import { type Stage, stages } from "./stages.ts";

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

const usage = `Usage: npm test [-- STAGE …] [-- --only TEXT]

Runs every test, or those of the named stages:
  check        types, lint and format
${stages.map((stage) => `  ${stage.name.padEnd(12)} ${stage.what}`).join("\n")}

  --only TEXT  only test files whose path contains TEXT
  --help       this text
`;

/** Static checks. */
const checks = [
  { name: "types", command: [bin("tsc"), "-p", "tsconfig.json"] },
  { name: "lint and format", command: [bin("biome"), "check", "--error-on-warnings", "."] },
];

function bin(program: string): string {
  return join(root, "node_modules", ".bin", program);
}

/** Runs a command that counts as one test. */
function runCommand(name: string, [program = "", ...args]: readonly string[]): Outcome {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: "inherit" });
  const outcome: Outcome = { passed: 0, failures: [], skipped: 0 };
  if (status === 0 && error === undefined) outcome.passed += 1;
  else addFailure(outcome, name, error?.message ?? `${program} ended with status ${status}`);
  print(`${outcome.passed ? "✔" : "✖"} ${name}`);
  return outcome;
}

/** Test processes of all stages share what takes long to start; it starts when the first one asks. */
async function withSharedServices(run: () => Promise<void>): Promise<void> {
  const shared = await serveSharedServices();
  Object.assign(process.env, shared.env);
  try {
    await run();
  } finally {
    for (const name of Object.keys(shared.env)) delete process.env[name];
    await shared.stop();
  }
}

/** What a stage needs first, and its files if that succeeded. */
async function runPrepared(stage: Stage, files: readonly string[]): Promise<Outcome[]> {
  const { prepare } = stage;
  const prepared = prepare ? [runCommand(prepare.join(" "), [process.execPath, ...prepare])] : [];
  if (prepared.some(({ failures }) => failures.length > 0)) return prepared;
  return [...prepared, await runStage(stage, root, files)];
}

/** Runs stages one after the other, and adds up what they came to. */
async function runStages(chosen: readonly Stage[], only: string, total: Outcome): Promise<void> {
  for (const stage of chosen) {
    const files = stage.files(root).filter((file) => file.includes(only));
    if (files.length === 0) continue;
    const started = performance.now();
    print(`\n── ${stage.name}: ${stage.what} (${files.length} files)`);
    for (const outcome of await runPrepared(stage, files)) addOutcome(total, outcome);
    print(`── ${stage.name} took ${Math.round((performance.now() - started) / 1000)} s`);
  }
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
  const total: Outcome = { passed: 0, failures: [], skipped: 0 };
  if (names.includes("check") && only === "") {
    print("── check: types, lint and format");
    for (const { name, command } of checks) addOutcome(total, runCommand(name, command));
  }
  const chosen = stages.filter(({ name }) => names.includes(name));
  const onProcesses = chosen.filter(({ prepare }) => prepare === undefined);
  const onCluster = chosen.filter(({ prepare }) => prepare !== undefined);
  await withSharedServices(() => runStages(onProcesses, only, total));
  // The cluster has stores of its own, and the machine's memory and time for itself.
  await runStages(onCluster, only, total);
  if (total.passed + total.failures.length === 0) {
    print("no test matched");
    return 1;
  }
  print(`\n${summary(total)}`);
  return total.failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
