import { join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { inspect } from "node:util";
import { addFailure, type Outcome } from "./outcome.ts";
import type { Stage } from "./stages.ts";

/** Runs a stage's files under node's test runner and prints its report as it comes; the lines of lanes come between each other. */
export async function runStage(stage: Stage, root: string, files: readonly string[]): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failures: [], skipped: 0 };
  const lanes = Map.groupBy(files, (file) => stage.lane?.(file));
  await Promise.all([...lanes.values()].map((lane) => runLane(stage, root, lane, outcome)));
  return outcome;
}

async function runLane(stage: Stage, root: string, files: readonly string[], outcome: Outcome): Promise<void> {
  const stream = run({
    files: files.map((file) => join(root, file)),
    concurrency: stage.concurrency,
    timeout: stage.timeoutMs,
    cwd: root,
  });
  stream.on("test:pass", (event) => {
    if (event.details.type === "suite") return;
    if (event.skip !== undefined || event.todo !== undefined) outcome.skipped += 1;
    else outcome.passed += 1;
  });
  stream.on("test:fail", ({ name, file, details: { error } }) => {
    // A suite fails with its tests, which are counted already; when a hook of it or its file fails, only the suite tells.
    if ("failureType" in error && error.failureType === "subtestsFailed") return;
    addFailure(outcome, file ? `${relative(root, file)}: ${name}` : name, inspect(error.cause ?? error));
  });
  const report = stream.compose(new spec());
  report.pipe(process.stdout, { end: false });
  await new Promise<void>((resolve, reject) => report.on("end", resolve).on("error", reject));
}
