import { CodedError } from "@chatcluster/foundation/errors";
import { Type } from "typebox";
import { Value } from "typebox/value";

const File = Type.Object({
  type: Type.Literal("service_account"),
  project_id: Type.String({ pattern: "^[a-z0-9:.-]{4,64}$" }),
  private_key_id: Type.String({ minLength: 1 }),
  private_key: Type.String({ pattern: "^-----BEGIN PRIVATE KEY-----" }),
  client_email: Type.String({ minLength: 3 }),
  token_uri: Type.String({ pattern: "^https://" }),
});

export interface ServiceAccount {
  projectId: string;
  privateKeyId: string;
  /** PKCS #8 PEM. */
  privateKey: string;
  clientEmail: string;
  tokenUrl: string;
}

/**
 * Reads the key file of a Google service account, as the Firebase console gives it.
 * @throws CodedError `invalid_push_credentials`, which names the field and shows no value
 */
export function parseServiceAccount(text: string): ServiceAccount {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the text, which is a secret.
    throw new CodedError("invalid_push_credentials", "the FCM service account is not JSON");
  }
  if (!Value.Check(File, value)) {
    const [first] = Value.Errors(File, value);
    const missing = first?.keyword === "required" ? `/${first.params.requiredProperties?.[0] ?? ""}` : undefined;
    throw new CodedError(
      "invalid_push_credentials",
      `the FCM service account: ${missing ?? first?.instancePath ?? "/"} ${missing ? "is missing" : (first?.message ?? "is wrong")}`,
    );
  }
  return {
    projectId: value.project_id,
    privateKeyId: value.private_key_id,
    privateKey: value.private_key,
    clientEmail: value.client_email,
    tokenUrl: value.token_uri,
  };
}
