/**
 * Orders two resourceVersions of one resource type: negative, 0 or positive; undefined if they cannot be ordered.
 * Decimal integers since Kubernetes 1.35. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (!a || !b || !/^\d+$/.test(a) || !/^\d+$/.test(b)) return undefined;
  return a.length === b.length ? (a < b ? -1 : Number(a > b)) : a.length - b.length;
}
