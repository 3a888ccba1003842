import { setTimeout as delay } from "node:timers/promises";
import { CodedError } from "@chatcluster/foundation/errors";

export type UntilOptions = {
  /** Milliseconds after which it is given up. */
  within: number;
  /** Milliseconds between two looks. */
  every?: number;
  /** What is waited for, for the error. */
  what: string;
  /** A further sentence for the error, such as the end of a log. */
  detail?: () => string;
};

/**
 * Waits for a condition that the system has no event for, by looking at it again and again.
 *
 * @returns the first value that is not undefined or false
 * @throws CodedError `timed_out`; what `look` throws ends the wait at once
 */
export async function until<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  options: UntilOptions,
): Promise<T> {
  const end = performance.now() + options.within;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) {
      const detail = options.detail?.() ?? "";
      throw new CodedError(
        "timed_out",
        `${options.what}: not within ${options.within / 1000} s${detail === "" ? "" : `\n${detail}`}`,
      );
    }
    await delay(options.every ?? 50);
  }
}
