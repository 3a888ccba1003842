import { randomBytes } from "node:crypto";
import { type CryptoKey, decodeProtectedHeader, exportPKCS8, generateKeyPair, jwtVerify } from "jose";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { type Answer, type Received, StandInServer } from "./stand-in-server.ts";

const closed = { additionalProperties: false };
/** Of https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages, what a server sends; anything else is refused as unknown. */
const Body = Type.Object(
  {
    message: Type.Object(
      {
        token: Type.String(),
        notification: Type.Object({ title: Type.String(), body: Type.Optional(Type.String()) }, closed),
        data: Type.Record(Type.String(), Type.String()),
        android: Type.Object(
          {
            priority: Type.Union([Type.Literal("HIGH"), Type.Literal("NORMAL")]),
            ttl: Type.String({ pattern: "^[0-9]+(\\.[0-9]{1,9})?s$" }),
            collapse_key: Type.String(),
            notification: Type.Object(
              { tag: Type.String(), notification_count: Type.Optional(Type.Integer()) },
              closed,
            ),
          },
          closed,
        ),
      },
      closed,
    ),
  },
  closed,
);
type Message = Static<typeof Body>["message"];

const MOST_COLLAPSE_KEYS = 4;

/** Checks what Google says that its token endpoint and FCM check, and answers in the forms of https://firebase.google.com/docs/cloud-messaging/error-codes. */
export class FcmStandIn {
  readonly projectId = "chatcluster-example";
  readonly server: StandInServer;
  readonly accepted: Message[] = [];
  readonly tokens = new Set<string>();
  readonly unregistered = new Set<string>();
  /** Tokens given out. */
  grants = 0;
  now = Date.now();
  readonly #privateKey: string;
  readonly #publicKey: CryptoKey;
  #access: { token: string; until: number } | undefined;

  private constructor(server: StandInServer, privateKey: string, publicKey: CryptoKey) {
    this.server = server;
    this.#privateKey = privateKey;
    this.#publicKey = publicKey;
  }

  static async start(): Promise<FcmStandIn> {
    const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
    const server = await StandInServer.start(true, (request) => standIn.#answer(request));
    const standIn = new FcmStandIn(server, await exportPKCS8(privateKey), publicKey);
    return standIn;
  }

  /** The key file, as the Firebase console gives it. */
  get serviceAccount() {
    return {
      type: "service_account",
      project_id: this.projectId,
      private_key_id: "key-1",
      private_key: this.#privateKey,
      client_email: `push@${this.projectId}.iam.gserviceaccount.com`,
      token_uri: `${this.server.origin}/token`,
    };
  }

  /** All access tokens end now, whatever was said when they were given out. */
  revoke(): void {
    this.#access = undefined;
  }

  /** The next requests are refused so, whatever they hold. */
  fail(...failures: { status: number; code: string; errorCode?: string; retryAfter?: string }[]): void {
    for (const { status, code, errorCode, retryAfter } of failures)
      this.server.order({
        ...failure(status, code, errorCode),
        headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
      });
  }

  async #answer(request: Received): Promise<Answer> {
    if (request.method !== "POST") return failure(404, "NOT_FOUND");
    if (request.path === "/token") return this.#token(request);
    const project = /^\/v1\/projects\/([^/]+)\/messages:send$/.exec(request.path)?.[1];
    if (project === undefined) return failure(404, "NOT_FOUND");
    const { authorization } = request.headers;
    const live = this.#access !== undefined && this.now < this.#access.until;
    if (!live || authorization !== `Bearer ${this.#access?.token}`) return failure(401, "UNAUTHENTICATED");
    if (project !== this.projectId) return failure(403, "PERMISSION_DENIED");
    return this.#send(request);
  }

  async #token({ headers, body }: Received): Promise<Answer> {
    const refused = { status: 400, body: JSON.stringify({ error: "invalid_grant" }) };
    if (!String(headers["content-type"]).startsWith("application/x-www-form-urlencoded")) return refused;
    const form = new URLSearchParams(body.toString());
    if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer") return refused;
    try {
      const assertion = form.get("assertion") ?? "";
      const { client_email: issuer, private_key_id, token_uri: audience } = this.serviceAccount;
      if (decodeProtectedHeader(assertion).kid !== private_key_id) return refused;
      const currentDate = new Date(this.now);
      const { payload } = await jwtVerify(assertion, this.#publicKey, {
        algorithms: ["RS256"],
        issuer,
        audience,
        currentDate,
      });
      const { iat = 0, exp = Number.POSITIVE_INFINITY, scope } = payload;
      if (exp - iat > 3_600 || scope !== "https://www.googleapis.com/auth/firebase.messaging") return refused;
    } catch {
      return refused;
    }
    this.grants++;
    this.#access = { token: randomBytes(24).toString("hex"), until: this.now + 3_599_000 };
    return {
      status: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ access_token: this.#access.token, expires_in: 3_599, token_type: "Bearer" }),
    };
  }

  #send({ body }: Received): Answer {
    let value: unknown;
    try {
      value = JSON.parse(body.toString());
    } catch {
      return failure(400, "INVALID_ARGUMENT");
    }
    if (!Value.Check(Body, value)) return failure(400, "INVALID_ARGUMENT");
    const { message } = value;
    if (Number.parseFloat(message.android.ttl) > 2_419_200) return failure(400, "INVALID_ARGUMENT");
    if (Object.keys(message.data).some((key) => /^(from|message_type|gcm.*|google.*)$/.test(key)))
      return failure(400, "INVALID_ARGUMENT");
    const size =
      Buffer.byteLength(JSON.stringify(message.notification)) + Buffer.byteLength(JSON.stringify(message.data));
    if (size > 4_096) return failure(400, "INVALID_ARGUMENT");
    if (this.unregistered.has(message.token)) return failure(404, "NOT_FOUND", "UNREGISTERED");
    if (!this.tokens.has(message.token)) return failure(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token");
    if (this.#collapseKeys(message) > MOST_COLLAPSE_KEYS) return failure(400, "INVALID_ARGUMENT");
    this.accepted.push(message);
    return {
      status: 200,
      body: JSON.stringify({ name: `projects/${this.projectId}/messages/${this.accepted.length}` }),
    };
  }

  /** FCM keeps four for a device; stricter than the real one, which would silently lose notifications. */
  #collapseKeys({ token, android }: Message): number {
    const used = this.accepted
      .filter((earlier) => earlier.token === token)
      .map((earlier) => earlier.android.collapse_key);
    return new Set([...used, android.collapse_key]).size;
  }
}

function failure(code: number, status: string, errorCode?: string, field?: string): Answer {
  const details = [
    ...(errorCode ? [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode }] : []),
    ...(field ? [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field }] }] : []),
  ];
  return {
    status: code,
    body: JSON.stringify({ error: { code, message: "refused by the stand-in", status, details } }),
  };
}
