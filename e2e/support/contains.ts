/** Where a live object differs from what is expected of it, as a path and two values; undefined if it has all of it. */
export function difference(live: unknown, expected: unknown, path = ""): string | undefined {
  if (Array.isArray(expected)) return differenceOfLists(live, expected, path);
  if (typeof expected === "object" && expected !== null) {
    const fields = typeof live === "object" && live !== null ? (live as Record<string, unknown>) : {};
    for (const [name, value] of Object.entries(expected)) {
      const found = difference(fields[name], value, path === "" ? name : `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return live === expected ? undefined : `${path} is ${JSON.stringify(live)}, not ${JSON.stringify(expected)}`;
}

/** Each expected item must be in some item of the list; in which order and what else there is does not matter. */
function differenceOfLists(live: unknown, expected: readonly unknown[], path: string): string | undefined {
  const items: readonly unknown[] = Array.isArray(live) ? live : [];
  const missing = expected.find((item) => !items.some((candidate) => difference(candidate, item) === undefined));
  return missing === undefined
    ? undefined
    : `${path} has nothing with ${JSON.stringify(missing)}: ${JSON.stringify(live)}`;
}
