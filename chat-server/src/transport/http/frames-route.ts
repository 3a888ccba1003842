import { PassThrough } from "node:stream";
import { CodedError } from "@chatcluster/foundation/errors";
import { DeviceId, ErrorCode, MAX_FRAME_BYTES, type ServerFrame } from "@chatcluster/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Value } from "typebox/value";
import { parseFrame } from "../../session/frame-parser.ts";
import { RateLimited } from "../../session/rate-limiter.ts";
import type { SessionHost } from "../session-host.ts";
import { statusOf } from "./http-errors.ts";
import { identityOf } from "./request-identity.ts";
import { answerFrames } from "./request-session.ts";

export const FRAMES_PATH = "/frames";
export const NDJSON = "application/x-ndjson";
/** Bytes of one request of several frames. */
export const MAX_FRAMES_BODY_BYTES = 262_144;
/** Frames of one request. */
export const MAX_FRAMES = 100;
/** Requests of one user that may be under way at one server. */
const MAX_REQUESTS_PER_USER = 16;

/** `POST /frames`: what a client sends beside its stream or its polls. One frame as JSON, or several as a line of JSON each. */
export function framesRoute(app: FastifyInstance, host: SessionHost): void {
  const underWay = new Map<string, number>();

  app.post<{ Body: string }>(FRAMES_PATH, { bodyLimit: MAX_FRAMES_BODY_BYTES }, async (request, reply) => {
    const { userId } = await identityOf(request, host);
    const from = { userId, deviceId: deviceOf(request) };
    const texts = framesOf(request);
    const count = underWay.get(userId) ?? 0;
    if (count >= MAX_REQUESTS_PER_USER)
      throw new RateLimited(`more than ${MAX_REQUESTS_PER_USER} requests of the user under way`, 1_000);
    underWay.set(userId, count + 1);
    try {
      reply.header("cache-control", "no-store");
      return isSeveral(request)
        ? await answerSeveral(host, from, texts, reply)
        : await answerOne(host, from, texts[0] ?? "", reply);
    } finally {
      const left = (underWay.get(userId) ?? 1) - 1;
      if (left > 0) underWay.set(userId, left);
      else underWay.delete(userId);
    }
  });
}

const isSeveral = (request: FastifyRequest) => (request.headers["content-type"] ?? "").startsWith(NDJSON);

interface Sender {
  userId: string;
  deviceId: string | undefined;
}

/** The device whose streams and polls take up what a request asks for; without one all of the user's do. */
function deviceOf(request: FastifyRequest): string | undefined {
  const device = new URL(request.raw.url ?? "/", "http://chat").searchParams.get("device") ?? undefined;
  if (device !== undefined && !Value.Check(DeviceId, device))
    throw new CodedError(ErrorCode.InvalidFrame, "device: not the id of a device");
  return device;
}

function framesOf(request: FastifyRequest<{ Body: string }>): string[] {
  const body = request.body ?? "";
  const texts = isSeveral(request) ? body.split("\n").filter((line) => line.trim() !== "") : [body];
  if (texts.length === 0) throw new CodedError(ErrorCode.MalformedFrame, "body: holds no frame");
  if (texts.length > MAX_FRAMES) throw new CodedError(ErrorCode.InvalidFrame, `body: more than ${MAX_FRAMES} frames`);
  for (const text of texts) {
    if (Buffer.byteLength(text) > MAX_FRAME_BYTES)
      throw new CodedError(ErrorCode.MessageTooLong, `body: a frame longer than ${MAX_FRAME_BYTES} bytes`);
  }
  return texts;
}

/** One frame: its answer, with a status that fits. A `resume` may have several answers, which need the other form. */
async function answerOne(host: SessionHost, from: Sender, text: string, reply: FastifyReply): Promise<FastifyReply> {
  if (parseFrame(text).type === "resume")
    throw new CodedError(ErrorCode.InvalidFrame, `type: a resume has several answers: send it as ${NDJSON}`);
  let answer: ServerFrame | undefined;
  await answerFrames(host.services, from, [text], reply.raw, (frame) => {
    answer ??= frame;
  });
  if (!answer) throw new Error("a frame was not answered");
  if (answer.type === "error") {
    reply.code(statusOf(answer.code));
    if (answer.retryAfterMs !== undefined) reply.header("retry-after", Math.ceil(answer.retryAfterMs / 1_000));
  }
  return reply.send(answer);
}

async function answerSeveral(
  host: SessionHost,
  from: Sender,
  texts: string[],
  reply: FastifyReply,
): Promise<FastifyReply> {
  const output = new PassThrough();
  reply.header("content-type", NDJSON).header("x-accel-buffering", "no").send(output);
  await answerFrames(host.services, from, texts, output, (frame) => output.write(`${JSON.stringify(frame)}\n`));
  output.end();
  return reply;
}
