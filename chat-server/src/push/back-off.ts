const FIRST_MS = 1_000;
const MOST_MS = 15 * 60 * 1_000;

/**
 * Milliseconds until try `attempt + 1` (0: the first has just failed): doubling, with the upper half left to chance so that what failed together
 * does not come back together. At least `atLeastMs`, which a service has asked for, and then a little more for the same reason.
 */
export function backOffMs(attempt: number, atLeastMs = 0, random: () => number = Math.random): number {
  const bound = Math.min(FIRST_MS * 2 ** Math.min(attempt, 20), MOST_MS);
  const ownMs = bound * (0.5 + random() / 2);
  return Math.round(Math.max(ownMs, atLeastMs === 0 ? 0 : atLeastMs * (1 + random() / 10)));
}
