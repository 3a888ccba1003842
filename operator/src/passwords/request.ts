import type { ChatCluster } from "../api/chat-cluster.ts";

/** Annotation of a ChatCluster: each new value has the generated passwords replaced once. */
export const ROTATE_ANNOTATION = "chatcluster.dev/rotate-passwords";
/** Characters of the value that count: a time, a ticket, the name of a commit. */
const REQUEST_LENGTH = 253;
const DAY_MS = 86_400_000;

/** What asks for a rotation now, if anything. */
export function rotationRequest({ metadata }: Pick<ChatCluster, "metadata">): string | undefined {
  return metadata.annotations?.[ROTATE_ANNOTATION]?.slice(0, REQUEST_LENGTH) || undefined;
}

/** When the passwords are due by `spec.passwords.rotationDays`, in milliseconds since 1970; undefined where they never are. */
export function rotationDueMs({ spec, metadata }: ChatCluster, rotatedAt: string | undefined): number | undefined {
  const { rotationDays } = spec.passwords;
  const since = rotatedAt ?? metadata.creationTimestamp;
  return rotationDays === 0 || since === undefined ? undefined : Date.parse(since) + rotationDays * DAY_MS;
}
