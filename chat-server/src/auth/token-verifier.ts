import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { UserId } from "@chatcluster/protocol";
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { Compile } from "typebox/compile";

export interface Identity {
  /** The token's `sub`. */
  userId: string;
  /** Milliseconds since 1970; Infinity for a token without `exp`. */
  expiresAt: number;
}

export interface TokenOptions {
  /** For HS256. */
  secret?: string | undefined;
  /** For asymmetric keys (RFC 7517). */
  jwksUrl?: string | undefined;
  issuer?: string | undefined;
  audience?: string | undefined;
}

const MAX_TOKEN_LENGTH = 8_192;
/** Never `none`, and never HS256 with a public key. */
const ASYMMETRIC = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"];
const userIdSchema = Compile(UserId);

/** Checks the JSON Web Tokens (RFC 7519) that people connect with. */
export class TokenVerifier {
  readonly #key: Promise<CryptoKey> | JWTVerifyGetKey;
  readonly #options: { algorithms: string[]; issuer?: string; audience?: string; clockTolerance: number };

  constructor({ secret, jwksUrl, issuer, audience }: TokenOptions) {
    if (secret !== undefined) this.#key = hmacKey(secret);
    else if (jwksUrl !== undefined) this.#key = keysOf(jwksUrl);
    else throw new CodedError("invalid_configuration", "neither a secret nor a JWKS URL to check tokens with");
    this.#options = {
      algorithms: secret === undefined ? ASYMMETRIC : ["HS256"],
      clockTolerance: 5,
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    };
  }

  /** @throws CodedError `unauthenticated` with the reason; `unavailable` if the key server can't be reached. */
  async verify(token: string | undefined): Promise<Identity> {
    if (token === undefined || token === "")
      throw unauthenticated("no token: give one as `Authorization: Bearer` or `?token=`");
    if (token.length > MAX_TOKEN_LENGTH) throw unauthenticated(`the token is longer than ${MAX_TOKEN_LENGTH}`);
    const { sub, exp } = await this.#payload(token);
    if (!userIdSchema.Check(sub)) throw unauthenticated("the token's `sub` is not a user id");
    return { userId: sub, expiresAt: exp === undefined ? Number.POSITIVE_INFINITY : exp * 1_000 };
  }

  async #payload(token: string) {
    try {
      const { payload } =
        this.#key instanceof Promise
          ? await jwtVerify(token, await this.#key, this.#options)
          : await jwtVerify(token, this.#key, this.#options);
      return payload;
    } catch (error) {
      if (error instanceof CodedError) throw error;
      if (!(error instanceof errors.JOSEError)) throw unchecked(error);
      throw unauthenticated(`the token is not valid: ${error.message}`);
    }
  }
}

/** Imported once: given as bytes, it would be for every token. */
const hmacKey = (secret: string): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", new TextEncoder().encode(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "verify",
  ]);

/** The keys of a key server, asked for when a token has one that is not known, at most twice a minute. */
function keysOf(jwksUrl: string): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(jwksUrl));
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (TOKENS_FAULT.some((fault) => error instanceof fault)) throw error;
      // Whatever else went wrong, the answer or its lack is the key server's.
      throw unchecked(error);
    }
  };
}

const TOKENS_FAULT = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

const unchecked = (cause: unknown) =>
  new CodedError("unavailable", `tokens can't be checked: ${messageOf(cause)}`, { cause });
const unauthenticated = (message: string) => new CodedError("unauthenticated", message);
