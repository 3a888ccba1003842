import { CodedError } from "@chatcluster/foundation/errors";
import {
  BinaryFrameError,
  type ClientFrame,
  clientFrames,
  decodeSend,
  ErrorCode,
  MAX_DATA_BYTES,
  MAX_TEXT_LENGTH,
} from "@chatcluster/protocol";
import { Compile } from "typebox/compile";

type FrameType = keyof typeof clientFrames;

const validators = new Map(Object.entries(clientFrames).map(([type, schema]) => [type as FrameType, Compile(schema)]));

/** A frame that can't be taken; `re` is its id, if it had a readable one. */
export class FrameError extends CodedError {
  readonly re: number | undefined;

  constructor(code: ErrorCode, message: string, re?: number) {
    super(code, message);
    this.re = re;
  }
}

/** Not a type guard on purpose: what does not pass is still an object to look into. */
const isValid = (validator: { Check(value: unknown): boolean }, value: unknown): boolean => validator.Check(value);

/**
 * Reads what a client sent.
 * @throws FrameError `malformed_frame`, `unknown_type`, `invalid_frame` or `message_too_long`; the text names the field.
 */
export function parseFrame(text: string): ClientFrame {
  return checked(parseObject(text));
}

/**
 * Reads what a client sent as a binary frame.
 * @throws FrameError as {@link parseFrame} does.
 */
export function parseBinaryFrame(bytes: Uint8Array): ClientFrame {
  const { content, ...names } = decoded(bytes);
  if (typeof content === "string") return checked({ type: "send", ...names, text: content });
  const { buffer, byteOffset, byteLength } = content;
  const data = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
  return checked({ type: "publish", ...names, data });
}

function decoded(bytes: Uint8Array) {
  try {
    return decodeSend(bytes);
  } catch (error) {
    if (!(error instanceof BinaryFrameError)) throw error;
    throw new FrameError(ErrorCode.MalformedFrame, `binary frame: ${error.message}`, error.re);
  }
}

function checked(value: Record<string, unknown>): ClientFrame {
  const { type, id } = value;
  const re = typeof id === "number" && Number.isSafeInteger(id) && id >= 0 ? id : undefined;
  if (typeof type !== "string") throw new FrameError(ErrorCode.MalformedFrame, "a frame has a string `type`", re);
  const validator = validators.get(type as FrameType);
  if (!validator)
    throw new FrameError(ErrorCode.UnknownType, `unknown frame type ${JSON.stringify(type.slice(0, 64))}`, re);
  if (isValid(validator, value)) return value as unknown as ClientFrame;
  if (
    (type === "send" || type === "edit_message") &&
    typeof value.text === "string" &&
    value.text.length > MAX_TEXT_LENGTH
  )
    throw new FrameError(ErrorCode.MessageTooLong, `text: longer than ${MAX_TEXT_LENGTH}`, re);
  if (type === "publish" && typeof value.data === "string" && value.data.length > (MAX_DATA_BYTES / 3) * 4)
    throw new FrameError(ErrorCode.MessageTooLong, `data: longer than ${MAX_DATA_BYTES} bytes`, re);
  const [problem] = validator.Errors(value);
  const field = problem?.instancePath.slice(1).replaceAll("/", ".") || "frame";
  throw new FrameError(ErrorCode.InvalidFrame, `${field.slice(0, 128)}: ${problem?.message ?? "not valid"}`, re);
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FrameError(ErrorCode.MalformedFrame, "a frame is JSON text");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FrameError(ErrorCode.MalformedFrame, "a frame is a JSON object");
  return value as Record<string, unknown>;
}
