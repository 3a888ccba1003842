import {
  createDecipheriv,
  createECDH,
  createPublicKey,
  type ECDH,
  hkdfSync,
  randomBytes,
  randomUUID,
} from "node:crypto";
import { jwtVerify } from "jose";
import { type Answer, type Received, StandInServer } from "./stand-in-server.ts";

const DAY_SECONDS = 24 * 60 * 60;

interface Subscriber {
  keys: ECDH;
  auth: Buffer;
  applicationServerKey: string;
  gone: boolean;
}

/** A push service and the browsers behind it: RFC 8030, 8291 (it decrypts) and 8292. */
export class WebPushStandIn {
  readonly server: StandInServer;
  readonly accepted: {
    endpoint: string;
    headers: Received["headers"];
    payload: Record<string, unknown>;
    plaintextBytes: number;
  }[] = [];
  now = Date.now();
  readonly #subscribers = new Map<string, Subscriber>();

  private constructor(server: StandInServer) {
    this.server = server;
  }

  static async start(): Promise<WebPushStandIn> {
    const server = await StandInServer.start(true, (request) => standIn.#answer(request));
    const standIn = new WebPushStandIn(server);
    return standIn;
  }

  get host(): string {
    return new URL(this.server.origin).host;
  }

  /** A browser subscribes; gives what `PushSubscription.toJSON()` gives there. */
  subscribe(applicationServerKey: string) {
    const keys = createECDH("prime256v1");
    const p256dh = keys.generateKeys("base64url");
    const auth = randomBytes(16);
    const path = `/push/${randomUUID()}`;
    this.#subscribers.set(path, { keys, auth, applicationServerKey, gone: false });
    return {
      endpoint: `${this.server.origin}${path}`,
      expirationTime: null,
      keys: { p256dh, auth: auth.toString("base64url") },
    };
  }

  unsubscribe(endpoint: string): void {
    const subscriber = this.#subscribers.get(new URL(endpoint).pathname);
    if (subscriber) subscriber.gone = true;
  }

  async #answer(request: Received): Promise<Answer> {
    const { method, path, headers, body } = request;
    if (method !== "POST") return { status: 405 };
    const subscriber = this.#subscribers.get(path);
    if (!subscriber) return { status: 404 };
    if (subscriber.gone) return { status: 410 };
    const status = (await this.#authorization(headers, subscriber)) ?? headersStatus(headers);
    if (status !== undefined) return { status };
    if (body.length > 4_096) return { status: 413 };
    const plaintext = decrypt(body, subscriber);
    const payload = JSON.parse(plaintext.toString()) as Record<string, unknown>;
    this.accepted.push({ endpoint: path, headers, payload, plaintextBytes: plaintext.length });
    return { status: 201, headers: { location: `${this.server.origin}/message/${randomUUID()}` } };
  }

  /** RFC 8292, section 4.2. */
  async #authorization(
    headers: Received["headers"],
    { applicationServerKey }: Subscriber,
  ): Promise<number | undefined> {
    const [, token = "", key = ""] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(String(headers.authorization)) ?? [];
    if (token === "") return 401;
    if (key !== applicationServerKey) return 403;
    const point = Buffer.from(key, "base64url");
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString("base64url"));
    const publicKey = createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256", x: x ?? "", y: y ?? "" } });
    try {
      const options = { algorithms: ["ES256"], audience: this.server.origin, currentDate: new Date(this.now) };
      const { payload } = await jwtVerify(token, publicKey, options);
      const { exp = Number.POSITIVE_INFINITY, sub = "" } = payload;
      return exp * 1_000 > this.now + DAY_SECONDS * 1_000 || !/^(mailto:|https:)/.test(sub) ? 403 : undefined;
    } catch {
      return 403;
    }
  }
}

/** RFC 8030, sections 5.2 to 5.4; RFC 8291, section 4. */
function headersStatus(headers: Received["headers"]): number | undefined {
  if (!/^\d+$/.test(String(headers.ttl))) return 400;
  if (headers.topic !== undefined && !/^[\w-]{1,32}$/.test(String(headers.topic))) return 400;
  if (!["very-low", "low", "normal", "high"].includes(String(headers.urgency ?? "normal"))) return 400;
  return headers["content-encoding"] === "aes128gcm" ? undefined : 415;
}

/** RFC 8188 with the keys of RFC 8291, by Node's own primitives: nothing is shared with what encrypts. */
function decrypt(body: Buffer, { keys, auth }: Subscriber): Buffer {
  const salt = body.subarray(0, 16);
  const keyLength = body.readUInt8(20);
  const sender = body.subarray(21, 21 + keyLength);
  const sealed = body.subarray(21 + keyLength);
  const derive = (secret: Uint8Array, withSalt: Uint8Array, info: Uint8Array | string, length: number) =>
    Buffer.from(hkdfSync("sha256", secret, withSalt, info, length));
  const keyInfo = Buffer.concat([Buffer.from("WebPush: info\0"), keys.getPublicKey(), sender]);
  const material = derive(keys.computeSecret(sender), auth, keyInfo, 32);
  const key = derive(material, salt, "Content-Encoding: aes128gcm\0", 16);
  const nonce = derive(material, salt, "Content-Encoding: nonce\0", 12);
  const decipher = createDecipheriv("aes-128-gcm", key, nonce);
  decipher.setAuthTag(sealed.subarray(-16));
  const padded = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  return padded.subarray(0, padded.lastIndexOf(2));
}
