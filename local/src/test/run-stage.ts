import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import type { Stage } from "./stages.ts";

/** What a stage came to. `failed` counts also files that could not be loaded or that hung. */
export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs a stage's files under node's test runner and prints its report as it comes. */
export async function runStage(stage: Stage, root: string, files: readonly string[]): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: 0, skipped: 0 };
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
  stream.on("test:fail", (event) => {
    if (event.details.type !== "suite" || event.nesting === 0) outcome.failed += 1;
  });
  const report = stream.compose(new spec());
  report.pipe(process.stdout, { end: false });
  await new Promise<void>((resolve, reject) => report.on("end", resolve).on("error", reject));
  return outcome;
}
