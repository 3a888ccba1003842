import { until as untilWithin } from "@chatcluster/local/until";

/** Waits until `look` gives something true. Slow enough for a loaded machine: what matters is that it comes, not when. */
export function until<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  what: string,
  within = 90_000,
): Promise<T> {
  return untilWithin(look, { within, what, every: 100 });
}
