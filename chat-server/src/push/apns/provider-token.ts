import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { importPKCS8, SignJWT } from "jose";

/**
 * A token lives so long. Apple refuses tokens older than 60 minutes, and those that change more often than every 20:
 * https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
 */
const PERIOD_SECONDS = 40 * 60;

export interface ProviderTokenOptions {
  teamId: string;
  keyId: string;
  /** Reads the key (.p8, PKCS #8 PEM); asked anew for each token, so that a key that was replaced in its file is taken up. */
  key: () => Promise<string>;
  now: () => number;
}

/**
 * The signed token that stands for the app's developer. Its time of issue is the beginning of the current period of the clock, not of this process: so
 * all servers, and each after a restart, show the same one, and together they renew it no more often than one alone would.
 */
export class ProviderToken {
  readonly #options: ProviderTokenOptions;
  #current: { issuedAt: number; token: Promise<string> } | undefined;

  constructor(options: ProviderTokenOptions) {
    this.#options = options;
  }

  /** @throws CodedError `invalid_push_credentials` */
  get(): Promise<string> {
    const seconds = Math.floor(this.#options.now() / 1_000);
    const issuedAt = seconds - (seconds % PERIOD_SECONDS);
    if (this.#current?.issuedAt === issuedAt) return this.#current.token;
    const current = { issuedAt, token: this.#sign(issuedAt) };
    this.#current = current;
    current.token.catch(() => {
      // Read and sign again for the next that asks.
      if (this.#current === current) this.#current = undefined;
    });
    return current.token;
  }

  /** The key may have been replaced: the next call reads it again. The token's time stays, so that this is no update in Apple's count. */
  forget(): void {
    this.#current = undefined;
  }

  async #sign(issuedAt: number): Promise<string> {
    const { teamId, keyId, key } = this.#options;
    try {
      return await new SignJWT()
        .setProtectedHeader({ alg: "ES256", kid: keyId })
        .setIssuer(teamId)
        .setIssuedAt(issuedAt)
        .sign(await importPKCS8(await key(), "ES256"));
    } catch (cause) {
      throw new CodedError("invalid_push_credentials", `the APNs key ${keyId}: ${messageOf(cause)}`, { cause });
    }
  }
}
