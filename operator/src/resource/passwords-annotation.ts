import { configHash } from "./config-hash.ts";

/**
 * Annotation of a pod: a digest of the passwords that it was told or made with. Of the chat servers' template, whose change rolls them: a process keeps the
 * environment that it was started with. 64 bits of a hash of 256 random bits tell nothing about them.
 */
export const PASSWORDS_ANNOTATION = "chatcluster.dev/passwords";

/** A digest for it. */
export function passwordsDigest(passwords: unknown): string {
  return configHash(JSON.stringify(passwords));
}
