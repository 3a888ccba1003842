import { CodedError } from "@chatcluster/foundation/errors";
import { SignJWT } from "jose";
import type { Kubectl } from "./kubectl.ts";
import { SAMPLE, SAMPLE_NAMESPACE } from "./sample.ts";

/** How long a token of a developer is good for. */
const LIFETIME = "12h";

/**
 * A token with which `user` signs in to the sample ChatCluster, signed with the key in Secret `sample-auth`.
 *
 * @throws CodedError `kubectl_failed`, `no_key`
 */
export async function sampleToken(kubectl: Kubectl, user: string): Promise<string> {
  const path = "{.data.jwt-secret}";
  const secret = `${SAMPLE}-auth`;
  const encoded = await kubectl.run([
    "get",
    "secret",
    secret,
    "--namespace",
    SAMPLE_NAMESPACE,
    "-o",
    `jsonpath=${path}`,
  ]);
  if (encoded === "") throw new CodedError("no_key", `Secret ${SAMPLE_NAMESPACE}/${secret} has no key jwt-secret`);
  return signToken(Buffer.from(encoded, "base64"), user);
}

/** A JWT (RFC 7519) for one user, HS256. */
export async function signToken(key: Uint8Array, user: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(key);
}
