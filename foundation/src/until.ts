import { setTimeout as delay } from "node:timers/promises";
import { CodedError } from "./errors.ts";

export interface UntilOptions {
  /** Milliseconds between two looks [25]. */
  every?: number;
  /** A further text for the error, such as the end of a log. */
  detail?: () => string;
}

/**
 * Waits for a condition that the system has no event for, by looking at it again and again.
 *
 * @param what what is waited for, for the error.
 * @param within milliseconds after which it is given up [90,000: enough for a loaded machine].
 * @returns the first value that is neither undefined nor false.
 * @throws CodedError `timed_out`; what `look` throws ends the wait at once.
 */
export async function until<Value>(
  look: () => Promise<Value | undefined | false> | Value | undefined | false,
  what: string,
  within = 90_000,
  { every = 25, detail }: UntilOptions = {},
): Promise<Value> {
  const end = performance.now() + within;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) {
      const more = detail?.() ?? "";
      throw new CodedError("timed_out", `${what}: not within ${within / 1000} s${more === "" ? "" : `\n${more}`}`);
    }
    await delay(every);
  }
}
