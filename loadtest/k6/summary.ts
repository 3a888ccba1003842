import type { Settings } from "./settings.ts";

/** What k6 hands to `handleSummary`, as far as it is used here. */
export interface SummaryData {
  readonly state: { readonly testRunDurationMs: number };
  readonly metrics: Record<
    string,
    { readonly values: Record<string, number>; readonly thresholds?: Record<string, { readonly ok: boolean }> }
  >;
}

/** The results of a run: what `SUMMARY_FILE` holds. */
export interface Results {
  readonly passed: boolean;
  readonly durationMs: number;
  readonly settings: Omit<Settings, "secret" | "summaryFile" | "timeline">;
  readonly metrics: Record<string, Record<string, number>>;
  readonly thresholds: readonly { readonly metric: string; readonly condition: string; readonly ok: boolean }[];
}

export function resultsOf({ state, metrics }: SummaryData, settings: Settings): Results {
  const { secret: _, summaryFile: __, timeline: ___, ...shown } = settings;
  const thresholds = Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds).map(([condition, { ok }]) => ({ metric, condition, ok })),
  );
  // k6 hands them over in another order each time.
  thresholds.sort((a, b) => (a.metric < b.metric ? -1 : 1));
  return {
    passed: thresholds.length > 0 && thresholds.every(({ ok }) => ok),
    durationMs: state.testRunDurationMs,
    settings: shown,
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, { values }]) => [name, values])),
    thresholds,
  };
}

/** The results for a terminal. */
export function summaryText({ passed, metrics, thresholds }: Results): string {
  const latency = (name: string) => {
    const values = metrics[name] ?? {};
    const parts = ["med", "p(95)", "p(99)", "max"].map((key) => `${key} ${(values[key] ?? 0).toFixed(1)} ms`);
    return `  ${name.padEnd(24)} ${parts.join("  ")}`;
  };
  const { count = 0, rate = 0 } = metrics.delivered ?? {};
  return [
    "",
    latency("delivery_latency"),
    latency("acknowledgement_latency"),
    `  ${"delivered".padEnd(24)} ${count} (${rate.toFixed(0)}/s)`,
    ...thresholds.map(({ metric, condition, ok }) => `  ${ok ? "ok    " : "FAILED"} ${metric} ${condition}`),
    passed ? "  passed" : "  FAILED",
    "",
  ].join("\n");
}
