import { type CryptoKey, decodeProtectedHeader, exportPKCS8, generateKeyPair, jwtVerify } from "jose";
import { type Answer, type Ordered, type Received, StandInServer } from "./stand-in-server.ts";

const HOUR_MS = 60 * 60 * 1_000;
const UPDATE_MS = 20 * 60 * 1_000;
const PUSH_TYPES = [
  "alert",
  "background",
  "location",
  "voip",
  "complication",
  "fileprovider",
  "mdm",
  "liveactivity",
  "pushtotalk",
  "widgets",
  "controls",
];

/**
 * Checks what Apple says that APNs checks, in words and codes of
 * https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
 */
export class ApnsStandIn {
  readonly teamId = "TEAM123456";
  readonly keyId = "KEY1234567";
  readonly topic = "dev.chatcluster.example";
  /** The signing key as Apple hands it out: PKCS #8 PEM. */
  readonly key: string;
  readonly server: StandInServer;
  /** Accepted notifications. */
  readonly accepted: { token: string; headers: Received["headers"]; payload: Record<string, unknown> }[] = [];
  /** Device tokens that exist. */
  readonly devices = new Set<string>();
  /** Device token → when it was found to be gone, in ms. */
  readonly gone = new Map<string, number>();
  now = Date.now();
  readonly #publicKey: CryptoKey;
  #issued: { at: number; seen: number } | undefined;

  private constructor(server: StandInServer, key: string, publicKey: CryptoKey) {
    this.server = server;
    this.key = key;
    this.#publicKey = publicKey;
  }

  static async start(): Promise<ApnsStandIn> {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const server = await StandInServer.start(false, (request) => standIn.#answer(request));
    const standIn = new ApnsStandIn(server, await exportPKCS8(privateKey), publicKey);
    return standIn;
  }

  /** The next requests are refused so, whatever they hold. */
  fail(...failures: { status: number; reason: string; timestamp?: number; retryAfter?: string }[]): void {
    const answers = failures.map(
      ({ status, retryAfter, ...body }): Ordered => ({
        status,
        headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
        body: JSON.stringify(body),
      }),
    );
    this.server.order(...answers);
  }

  async #answer(request: Received): Promise<Answer> {
    const failure = (await this.#authorization(request)) ?? this.#request(request) ?? this.#payload(request.body);
    const id = String(request.headers["apns-id"] ?? crypto.randomUUID());
    if (failure) {
      const { status, ...body } = failure;
      return { status, headers: { "apns-id": id }, body: JSON.stringify(body) };
    }
    const token = request.path.slice("/3/device/".length);
    this.accepted.push({ token, headers: request.headers, payload: JSON.parse(request.body.toString()) });
    return { status: 200, headers: { "apns-id": id } };
  }

  async #authorization({ headers }: Received) {
    const { authorization } = headers;
    if (authorization === undefined) return fail(403, "MissingProviderToken");
    const [scheme, jwt = ""] = String(authorization).split(" ");
    if (scheme !== "bearer") return fail(403, "InvalidProviderToken");
    let issuedAt: number;
    try {
      if (decodeProtectedHeader(jwt).kid !== this.keyId) return fail(403, "InvalidProviderToken");
      const { payload } = await jwtVerify(jwt, this.#publicKey, { algorithms: ["ES256"], issuer: this.teamId });
      issuedAt = (payload.iat ?? Number.NaN) * 1_000;
    } catch {
      return fail(403, "InvalidProviderToken");
    }
    if (!(issuedAt <= this.now + 60_000)) return fail(403, "InvalidProviderToken");
    if (this.now - issuedAt > HOUR_MS) return fail(403, "ExpiredProviderToken");
    if (this.#issued && this.#issued.at !== issuedAt && this.now - this.#issued.seen < UPDATE_MS)
      return fail(429, "TooManyProviderTokenUpdates");
    if (this.#issued?.at !== issuedAt) this.#issued = { at: issuedAt, seen: this.now };
    return undefined;
  }

  #request({ method, path, headers }: Received) {
    if (method !== "POST") return fail(405, "MethodNotAllowed");
    if (path === "/3/device/" || path === "/3/device") return fail(400, "MissingDeviceToken");
    const token = /^\/3\/device\/([^/?]+)$/.exec(path)?.[1];
    if (token === undefined) return fail(404, "BadPath");
    if (headers["apns-topic"] === undefined) return fail(400, "MissingTopic");
    if (headers["apns-topic"] !== this.topic) return fail(400, "TopicDisallowed");
    return this.#headers(headers) ?? this.#device(token);
  }

  #headers(headers: Received["headers"]) {
    const type = headers["apns-push-type"];
    if (!PUSH_TYPES.includes(String(type))) return fail(400, "InvalidPushType");
    const priority = headers["apns-priority"] ?? "10";
    if (!["1", "5", "10"].includes(String(priority))) return fail(400, "BadPriority");
    if (type === "background" && priority === "10") return fail(400, "BadPriority");
    if (!/^\d+$/.test(String(headers["apns-expiration"] ?? "0"))) return fail(400, "BadExpirationDate");
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(String(headers["apns-id"] ?? crypto.randomUUID())))
      return fail(400, "BadMessageId");
    if (Buffer.byteLength(String(headers["apns-collapse-id"] ?? "")) > 64) return fail(400, "BadCollapseId");
    return undefined;
  }

  #device(token: string) {
    if (!/^[0-9a-f]{64,200}$/i.test(token)) return fail(400, "BadDeviceToken");
    const goneSince = this.gone.get(token);
    if (goneSince !== undefined) return { ...fail(410, "Unregistered"), timestamp: goneSince };
    return this.devices.has(token) ? undefined : fail(400, "BadDeviceToken");
  }

  #payload(body: Buffer) {
    if (body.length === 0) return fail(400, "PayloadEmpty");
    if (body.length > 4_096) return fail(413, "PayloadTooLarge");
    try {
      const { aps } = JSON.parse(body.toString()) as { aps?: unknown };
      return typeof aps === "object" && aps !== null ? undefined : fail(400, "PayloadEmpty");
    } catch {
      return fail(400, "PayloadEmpty");
    }
  }
}

const fail = (status: number, reason: string): { status: number; reason: string; timestamp?: number } => ({
  status,
  reason,
});
