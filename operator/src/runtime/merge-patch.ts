type Fields = Readonly<Record<string, unknown>>;

/**
 * What makes one object of another as a JSON merge patch: all of the new one, and null for each field that it has no more.
 * https://www.rfc-editor.org/rfc/rfc7396#section-2
 */
export function mergePatchOf(before: Fields | undefined, after: Fields): Fields {
  const gone = Object.keys(before ?? {}).filter((key) => after[key] === undefined);
  const kept = Object.entries(after).map(([key, value]): [string, unknown] => {
    const old = before?.[key];
    return [key, isFields(value) ? mergePatchOf(isFields(old) ? old : undefined, value) : value];
  });
  return Object.fromEntries([...gone.map((key): [string, unknown] => [key, null]), ...kept]);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
