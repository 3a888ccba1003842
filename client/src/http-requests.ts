import type { Login, Welcome } from "@chatcluster/protocol";
import { CloseCode, ErrorCode } from "@chatcluster/protocol/codes";
import type { TransportTarget } from "./transport.ts";

/** The part of the Fetch standard that the HTTP transports use. */
export type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

/** How a connection over HTTP ended, in a WebSocket's terms. */
export interface End {
  code: number;
  reason: string;
}

/** Bounds of one request of several frames: the server takes 100 frames and 262,144 bytes. */
const MAX_FRAMES = 64;
const MAX_CHARACTERS = 80_000;

/** `wss://chat.example/chat` → `https://chat.example/events`. */
export function endpoint({ url }: TransportTarget, name: string): URL {
  const address = new URL(name, url);
  address.protocol = address.protocol === "wss:" || address.protocol === "https:" ? "https:" : "http:";
  return address;
}

export const bearer = ({ token }: TransportTarget) => ({ authorization: `Bearer ${token}` });

/** What the server said instead of what was asked for. Undefined if it was not our server that answered. */
export async function refusalOf(
  response: Response,
): Promise<{ code: string; message: string; retryAfterMs?: number } | undefined> {
  try {
    const body: unknown = await response.json();
    const { code, message, retryAfterMs } = body as { code?: unknown; message?: unknown; retryAfterMs?: unknown };
    if (typeof code !== "string" || typeof message !== "string") return undefined;
    return { code, message, ...(typeof retryAfterMs === "number" && { retryAfterMs }) };
  } catch {
    // A proxy's page, or nothing at all.
    return undefined;
  }
}

const CLOSE_CODES: Record<string, number> = {
  [ErrorCode.Unauthenticated]: CloseCode.Unauthenticated,
  [ErrorCode.TooManyConnections]: CloseCode.TooManyConnections,
  [ErrorCode.Unavailable]: CloseCode.Unavailable,
  [ErrorCode.RateLimited]: CloseCode.Unavailable,
};

/** The end that follows from a response which is not what was asked for. Why the server refused is told by an `error` frame before it. */
export async function endOf(response: Response, onFrame: (text: string) => void): Promise<End> {
  const refusal = await refusalOf(response);
  if (!refusal) return { code: 1006, reason: `HTTP status ${response.status}` };
  onFrame(JSON.stringify({ type: "error", ...refusal }));
  return { code: CLOSE_CODES[refusal.code] ?? 1006, reason: refusal.message };
}

/** How often the server gives a sign of life, and how long to wait for one, if a frame is the one that tells. */
export function heartbeatOf(text: string): Pick<Welcome, "pingIntervalMs" | "pongTimeoutMs"> | undefined {
  return text.startsWith('{"type":"welcome"') ? (JSON.parse(text) as Welcome) : undefined;
}

/** The lines of a body, as they come. A last one without its end is left out: it was cut off. */
export async function* linesOf(response: Response, onChunk: () => void = () => undefined): AsyncGenerator<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  while (reader) {
    const { value, done } = await reader.read();
    if (done) return;
    onChunk();
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Sends frames by `POST /frames`, one request at a time so that they keep their order; what comes meanwhile goes together. */
export class FrameSender {
  readonly #fetch: Fetch;
  readonly #target: TransportTarget;
  readonly #signal: AbortSignal;
  readonly #onFrame: (text: string) => void;
  readonly #onEnd: (end: End) => void;
  #queue: string[] = [];
  #deviceId: string | undefined;
  #sending = false;

  constructor(
    fetch: Fetch,
    target: TransportTarget,
    signal: AbortSignal,
    hooks: { onFrame: (text: string) => void; onEnd: (end: End) => void },
  ) {
    this.#fetch = fetch;
    this.#target = target;
    this.#signal = signal;
    this.#onFrame = hooks.onFrame;
    this.#onEnd = hooks.onEnd;
  }

  /** The login that opens the stream, or begins the polls: what is asked for by frames is then taken up by those. */
  loggedIn(login: string): void {
    this.#deviceId = (JSON.parse(login) as Login).device.id;
  }

  send(text: string): void {
    this.#queue.push(text);
    if (!this.#sending) void this.#run();
  }

  async #run(): Promise<void> {
    this.#sending = true;
    try {
      // What is sent within one turn goes together.
      await Promise.resolve();
      while (this.#queue.length > 0 && !this.#signal.aborted) await this.#post(this.#batch());
    } catch (error) {
      this.#onEnd({ code: 1006, reason: String(error) });
    } finally {
      this.#sending = false;
    }
  }

  #batch(): string[] {
    let characters = 0;
    let count = 0;
    for (const text of this.#queue) {
      characters += text.length;
      if (count > 0 && (characters > MAX_CHARACTERS || count >= MAX_FRAMES)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #post(frames: string[]): Promise<void> {
    const address = endpoint(this.#target, "frames");
    if (this.#deviceId !== undefined) address.searchParams.set("device", this.#deviceId);
    const response = await this.#fetch(address, {
      method: "POST",
      headers: { ...bearer(this.#target), "content-type": "application/x-ndjson" },
      body: frames.join("\n"),
      signal: this.#signal,
    });
    if (response.ok) {
      for await (const line of linesOf(response)) if (line !== "") this.#onFrame(line);
      return;
    }
    const refusal = await refusalOf(response);
    if (!refusal || refusal.code === ErrorCode.Unauthenticated) {
      this.#onEnd({
        code: refusal ? CloseCode.Unauthenticated : 1006,
        reason: refusal?.message ?? `HTTP status ${response.status}`,
      });
      return;
    }
    // The request as a whole was refused: so was each of its frames.
    for (const text of frames) {
      const { id: re } = JSON.parse(text) as { id: number };
      this.#onFrame(JSON.stringify({ type: "error", re, ...refusal }));
    }
  }
}
