import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { CloseCode, ErrorCode, ServerFrame } from "@chatcluster/protocol";
import fc from "fast-check";
import { Value } from "typebox/value";
import { WebSocket } from "ws";
import type { ChatServer } from "../../src/server.ts";
import { RawClient } from "../support/raw-client.ts";
import { metric, SECRET, startTestServer, tokenFor } from "../support/test-server.ts";
import { binaryFrame } from "./arbitrary-binary-frame.ts";
import { frameText, type Known } from "./arbitrary-frame.ts";
import { liveBytes } from "./heap.ts";
import { exchange, isWhole, parseAnswer } from "./raw-http.ts";
import { FUZZ_RUNS, FUZZ_SEED } from "./settings.ts";

const ERROR_CODES: ReadonlySet<string> = new Set(Object.values(ErrorCode));
/** Of PROTOCOL.md; 1005 is ours, for a close without a code, and 1006 for a socket that was cut after a broken frame. */
const CLOSE_CODES: ReadonlySet<number> = new Set([
  1000,
  1002,
  1003,
  1005,
  1006,
  1007,
  1008,
  1009,
  ...Object.values(CloseCode),
]);
/** Codes in HTTP answers beside those of frames. */
const HTTP_CODES: ReadonlySet<string> = new Set([
  ...ERROR_CODES,
  "not_found",
  "upgrade_required",
  "method_not_allowed",
]);
/** Live bytes that may stay after thousands of bad inputs: caches fill up to their bounds. */
const MAX_GROWTH = 24 * 2 ** 20;

describe("a server that is sent anything", () => {
  let server: ChatServer;
  let directory: string;
  let known: Known;
  let witness: RawClient;
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);

  before(async () => {
    process.on("unhandledRejection", note);
    process.on("uncaughtExceptionMonitor", note);
    directory = await mkdtemp(join(tmpdir(), "chat-fuzz-"));
    server = await startTestServer({
      CHAT_DATA_DIR: directory,
      CHAT_MESSAGES_PER_SECOND: "100000",
      CHAT_MAX_CONNECTIONS_PER_USER: "1000",
      CHAT_LOGIN_TIMEOUT_MS: "60000",
    });
    witness = await RawClient.login(server.port, await tokenFor("witness"));
    const { conversation } = await witness.createDirect("fuzzer");
    const { messageId } = await witness.sendMessage(conversation.id, "seed");
    const rights = { subscribe: "anyone", publish: "anyone" } as const;
    const body = { clientId: "live", kind: "live" as const, memberIds: [], title: "Live", rights };
    const live = await witness.request("create_conversation", body);
    assert.ok(live.type === "conversation");
    known = {
      conversationId: [conversation.id, live.conversation.id],
      upTo: [messageId],
      messageId: [messageId],
      before: [messageId],
      after: [messageId],
    };
  });
  after(async () => {
    await witness?.close();
    await server?.stop(0);
    await rm(directory, { recursive: true, force: true });
    process.off("unhandledRejection", note);
    process.off("uncaughtExceptionMonitor", note);
  });

  /** Alive, sound and with nothing left over but the witness' connection. */
  const isUnharmed = async () => {
    assert.deepEqual(unhandled, []);
    assert.equal((await witness.ask("ping", {})).type, "pong");
    await until(
      async () => (await metric(server, "chat_open_connections")) === 1,
      "the connections to be gone",
      15_000,
    );
  };

  /** Runs it twice: what the first run leaves is caches, what the second adds would be a leak. */
  const twiceWithoutLeak = async (run: () => Promise<void>) => {
    await run();
    await isUnharmed();
    const before = liveBytes();
    await run();
    await isUnharmed();
    const growth = liveBytes() - before;
    assert.ok(growth < MAX_GROWTH, `${Math.round(growth / 1024)} KiB more are alive`);
  };

  test("frames: an answer with a code of the protocol, or a close code of it", async () => {
    const token = await tokenFor("fuzzer");
    await twiceWithoutLeak(() =>
      fc.assert(
        fc.asyncProperty(fc.array(frameText(known), { maxLength: 20 }), fc.boolean(), (texts, signedIn) =>
          checkFrames(server.port, token, texts, signedIn),
        ),
        { numRuns: FUZZ_RUNS, seed: FUZZ_SEED, endOnFailure: true },
      ),
    );
  });

  test("binary frames among others: an answer with a code of the protocol, or a close code of it", async () => {
    const token = await tokenFor("fuzzer");
    const frames = fc.array(fc.oneof(frameText(known), { weight: 3, arbitrary: binaryFrame(known) }), {
      maxLength: 20,
    });
    await twiceWithoutLeak(() =>
      fc.assert(
        fc.asyncProperty(frames, fc.boolean(), (some, signedIn) => checkFrames(server.port, token, some, signedIn)),
        { numRuns: FUZZ_RUNS, seed: FUZZ_SEED, endOnFailure: true },
      ),
    );
  });

  test("fragments, control frames and lengths that are wrong: a close code of RFC 6455 or PROTOCOL.md", async () => {
    const token = await tokenFor("fuzzer");
    const fragment = fc.record({
      opcode: fc.nat({ max: 15 }),
      fin: fc.boolean(),
      rsv: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 7 }) }),
      masked: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.boolean() }),
      payload: fc.uint8Array({ maxLength: 300 }),
      lie: fc.oneof(
        { weight: 6, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: -5, max: 70_000 }) },
      ),
    });
    await twiceWithoutLeak(() =>
      fc.assert(
        fc.asyncProperty(fc.array(fragment, { minLength: 1, maxLength: 8 }), (fragments) =>
          checkFragments(server.port, token, fragments),
        ),
        { numRuns: FUZZ_RUNS, seed: FUZZ_SEED, endOnFailure: true },
      ),
    );
  });

  test("requests: URLs, methods, headers and bodies get an HTTP answer below 500, with a code", async () => {
    const token = await tokenFor("fuzzer");
    const path = fc.oneof(
      fc.webPath(),
      fc.constantFrom(
        "/chat",
        "/events",
        "/poll",
        "/frames",
        "/",
        "/live",
        "/openapi.json",
        "*",
        "//",
        "/%",
        "/%00",
        "/chat/../admin",
        "/?",
        "http://[",
        "/chat?token=%",
      ),
      fc.stringMatching(/^\/[!-~]{0,60}$/),
    );
    const query = fc.oneof(
      fc.constant(""),
      fc.constant(`?token=${token}`),
      fc.constantFrom(
        "?cursor=x",
        "?device=a&positions=x",
        "?wait=1e9",
        "?wait=-1",
        "?cursor=%ff",
        "?token=a&token=b",
        "?after[]=1",
      ),
      fc.webQueryParameters().map((text) => `?${text}`),
    );
    const header = fc.oneof(
      fc.constantFrom(
        "Authorization: Bearer",
        "Authorization: Bearer a.b.c",
        "Authorization: Basic eDp5",
        `Authorization: Bearer ${token}`,
        "Last-Event-ID: \x7f",
        "Last-Event-ID: 1-2-3",
        'If-None-Match: "x"',
        "Content-Type: application/json",
        "Content-Type: text/plain",
        "Transfer-Encoding: gzip, chunked",
        "Upgrade: websocket",
        "Upgrade: h2c",
        "Connection: upgrade",
        "Sec-WebSocket-Version: 12",
        "Sec-WebSocket-Key: short",
        "Expect: 100-continue",
        "Accept-Encoding: br",
      ),
      fc.tuple(fc.stringMatching(/^[a-z-]{1,20}$/), fc.stringMatching(/^[ -~]{0,100}$/)).map((pair) => pair.join(": ")),
    );
    const body = fc.oneof(fc.constant(""), frameText(known));
    const request = fc.record({
      method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "BREW"),
      path,
      query,
      headers: fc.array(header, { maxLength: 5 }),
      body,
    });
    const badUrlUpgrade = {
      method: "GET",
      path: "http://[",
      query: "",
      headers: ["Connection: upgrade", "Upgrade: h2c"],
      body: "",
    };
    await twiceWithoutLeak(() =>
      fc.assert(
        fc.asyncProperty(request, (one) => checkAnswer(server.port, one)),
        { numRuns: FUZZ_RUNS, seed: FUZZ_SEED, endOnFailure: true, examples: [[badUrlUpgrade]] },
      ),
    );
  });

  test("tokens: whatever it is, it is refused as one, by frame and close code", async () => {
    const valid = await tokenFor("fuzzer");
    const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const [head = "", payload = "", signature = ""] = valid.split(".");
    const wrong = fc.oneof(
      fc.stringMatching(/^[!-~]{1,200}$/),
      fc.tuple(fc.jsonValue(), fc.jsonValue()).map(([a, b]) => `${base64(a)}.${base64(b)}.${signature}`),
      fc.constantFrom(
        `${base64({ alg: "none" })}.${payload}.`,
        `${base64({ alg: "HS512" })}.${payload}.${signature}`,
        `${head}.${payload}.`,
        `${head}.${base64({ sub: "witness" })}.${signature}`,
        `${head}..${signature}`,
        "x".repeat(9_000),
      ),
      fc.nat({ max: valid.length - 1 }).map((at) => valid.slice(0, at)),
    );
    await twiceWithoutLeak(() =>
      fc.assert(
        fc.asyncProperty(wrong, async (token) => {
          const webSocket = new WebSocket(`ws://127.0.0.1:${server.port}/chat?token=${encodeURIComponent(token)}`);
          const frames: string[] = [];
          webSocket.on("message", (data) => frames.push(data.toString()));
          webSocket.on("error", () => undefined);
          const [code] = (await once(webSocket, "close")) as [number];
          assert.equal(code, CloseCode.Unauthenticated);
          const [frame] = frames.map((text) => JSON.parse(text) as ServerFrame);
          assert.equal(frame?.type === "error" && frame.code, ErrorCode.Unauthenticated);
          assert.ok(!frames.join().includes(SECRET));
        }),
        { numRuns: Math.ceil(FUZZ_RUNS / 3), seed: FUZZ_SEED, endOnFailure: true },
      ),
    );
  });
});

const PING_ID = Number.MAX_SAFE_INTEGER;

/** Sends frames, and then a ping, whose answer comes after those to frames that are refused at once; a close may come instead. */
async function checkFrames(
  port: number,
  token: string,
  frames: readonly (string | Uint8Array)[],
  signedIn: boolean,
): Promise<void> {
  const client = signedIn ? await RawClient.login(port, token, { binary: true }) : await RawClient.connect(port, token);
  for (const frame of frames) client.webSocket.send(frame);
  client.sendText(JSON.stringify({ type: "ping", id: PING_ID }));
  const isPong = (frame: ServerFrame) => "re" in frame && frame.re === PING_ID;
  await until(() => client.closed !== undefined || client.received.some(isPong), "a pong or a close", 15_000, {
    every: 2,
  });
  for (const frame of client.received) {
    assert.ok(Value.Check(ServerFrame, frame), `no frame of the protocol: ${JSON.stringify(frame)}`);
    if (frame.type === "error") assert.notEqual(frame.code, ErrorCode.Internal, frame.message);
  }
  if (client.closed) assert.ok(CLOSE_CODES.has(client.closed.code), `close code ${client.closed.code}`);
  client.terminate();
}

interface RawRequest {
  method: string;
  path: string;
  query: string;
  headers: string[];
  body: string;
}

async function checkAnswer(port: number, { method, path, query, headers, body }: RawRequest): Promise<void> {
  const head = [`${method} ${path}${query} HTTP/1.1`, "Host: x", "Connection: close", ...headers];
  if (body !== "") head.push(`Content-Length: ${Buffer.byteLength(body)}`);
  const isEnough = method === "HEAD" ? (text: string) => text.includes("\r\n\r\n") : isWhole;
  // A body that is announced in chunks and has none would be waited for, rightly.
  const end = body === "" && headers.some((header) => header.includes("chunked")) ? "0\r\n\r\n" : "";
  const { text, closed } = await exchange(port, [`${head.join("\r\n")}\r\n\r\n${body}${end}`], isEnough);
  const answer = parseAnswer(text);
  assert.ok(answer || closed, `neither an answer nor an end: ${JSON.stringify(text.slice(0, 200))}`);
  if (!answer) return;
  assert.ok(answer.status < 500 || answer.status === 501, `${answer.status}: ${answer.body.slice(0, 300)}`);
  if (answer.status < 400 || method === "HEAD" || !answer.headers.includes("application/json")) return;
  const json = /\{.*\}/s.exec(answer.body)?.[0] ?? "{}";
  const { code } = JSON.parse(json) as { code?: string };
  assert.ok(code !== undefined && HTTP_CODES.has(code), `code ${code}: ${answer.body.slice(0, 300)}`);
}

/** Sends the pieces of frames, and then a ping: the server still follows and answers it, or closes with a code, or waits for the rest of a frame that lied. */
async function checkFragments(port: number, token: string, fragments: readonly RawFrame[]): Promise<void> {
  const webSocket = new WebSocket(`ws://127.0.0.1:${port}/chat`, { headers: { authorization: `Bearer ${token}` } });
  const seen: { code?: number; pong?: true } = {};
  let raw: Socket | undefined;
  webSocket.on("error", () => undefined);
  webSocket.on("upgrade", (response) => {
    raw = response.socket;
  });
  webSocket.on("close", (code) => {
    seen.code = code;
  });
  webSocket.on("pong", () => {
    seen.pong = true;
  });
  await once(webSocket, "open");
  for (const each of fragments) raw?.write(encode(each));
  raw?.write(encode({ opcode: 9, fin: true, rsv: 0, masked: true, payload: new Uint8Array(), lie: 0 }));
  const lied = fragments.some(({ lie }) => lie !== 0);
  await until(() => seen.code !== undefined || seen.pong || lied, "a pong or a close", 15_000, { every: 2 });
  if (seen.code !== undefined) assert.ok(CLOSE_CODES.has(seen.code), `close code ${seen.code}`);
  webSocket.terminate();
}

interface RawFrame {
  opcode: number;
  fin: boolean;
  rsv: number;
  masked: boolean;
  payload: Uint8Array;
  /** By how much the length that is told differs from the payload's. */
  lie: number;
}

/** RFC 6455, section 5.2; the mask is zero, so that the payload needs no change. */
function encode({ opcode, fin, rsv, masked, payload, lie }: RawFrame): Buffer {
  const length = Math.max(0, payload.length + lie);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([first, mask | length])
      : length < 65_536
        ? Buffer.from([first, mask | 126, length >> 8, length & 255])
        : Buffer.from([first, mask | 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255]);
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), payload]);
}
