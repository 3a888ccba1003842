import { createECDH } from "node:crypto";
import { CodedError } from "@chatcluster/foundation/errors";

/**
 * The two halves of a VAPID key must belong together: browsers subscribe with the one, and push services check signatures of the other.
 * @throws CodedError `invalid_push_credentials`
 */
export function checkVapidKeys(publicKey: string, privateKey: string): void {
  const curve = createECDH("prime256v1");
  try {
    curve.setPrivateKey(Buffer.from(privateKey, "base64url"));
  } catch (cause) {
    throw new CodedError("invalid_push_credentials", "no private key of P-256 (32 bytes, base64url)", { cause });
  }
  if (curve.getPublicKey("base64url") !== publicKey)
    throw new CodedError("invalid_push_credentials", "does not belong to CHAT_WEBPUSH_PUBLIC_KEY");
}
