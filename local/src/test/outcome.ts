/** What tests came to. `failures` has also files that could not be loaded or that hung. */
export interface Outcome {
  passed: number;
  skipped: number;
  readonly failures: { readonly test: string; readonly why: string }[];
}

/** Lines of a failure's reason that the summary repeats; all of them stand in the report above it. */
const LINES_OF_REASON = 12;

export function addFailure(outcome: Outcome, test: string, why: string): void {
  outcome.failures.push({ test, why });
}

export function addOutcome(total: Outcome, { passed, skipped, failures }: Outcome): void {
  total.passed += passed;
  total.skipped += skipped;
  total.failures.push(...failures);
}

/**
 * The end of a run: what failed and why, since the place where it was printed first may be thousands of lines up, and then
 * `N passed, N failed` alone on the last line.
 */
export function summary({ passed, skipped, failures }: Outcome): string {
  const failed = failures.flatMap(({ test, why }) => {
    const lines = why.split("\n");
    const shown = lines.slice(0, LINES_OF_REASON).map((line) => `    ${line}`);
    return [`✖ ${test}`, ...shown, ...(lines.length > shown.length ? ["    …"] : []), ""];
  });
  return [
    ...(failed.length > 0 ? ["Failed:", ...failed] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    `${passed} passed, ${failures.length} failed`,
  ].join("\n");
}
