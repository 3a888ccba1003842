import { createHash } from "node:crypto";

/** Annotation of a pod template whose change rolls the pods when their configuration file changed. */
export const CONFIG_HASH_ANNOTATION = "chatcluster.dev/config-hash";

/** A short digest of a configuration's text. */
export function configHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
