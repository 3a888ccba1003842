import { once } from "node:events";
import type { Writable } from "node:stream";
import { messageOf } from "@chatcluster/foundation/errors";
import { ErrorCode, type ServerFrame } from "@chatcluster/protocol";
import type { Connection } from "../../session/connection.ts";
import { parseFrame } from "../../session/frame-parser.ts";
import type { OutboundFrame } from "../../session/outbound-frame.ts";
import type { SessionServices } from "../../session/services.ts";
import { Session } from "../../session/session.ts";
import { publishAcknowledgement } from "./acknowledgements.ts";

/** Bytes that wait for a peer which takes its answers slowly. */
const LOW_WATER = 65_536;

/** Sends the answers of one request; the events of the user have their stream. */
class RequestConnection implements Connection {
  readonly #onAnswer: (frame: ServerFrame) => void;
  readonly #output: Writable;

  constructor(output: Writable, onAnswer: (frame: ServerFrame) => void) {
    this.#output = output;
    this.#onAnswer = onAnswer;
  }

  send({ text }: OutboundFrame): void {
    const frame = JSON.parse(text) as ServerFrame;
    // Events with a position come here only after a `resume`, as part of its answer.
    const isAnswer = "re" in frame || frame.type === "error" || "position" in frame;
    if (isAnswer && frame.type !== "conversation_added") this.#onAnswer(frame);
  }

  close(): void {
    // Nothing stays open: the request ends with its last answer.
  }

  async drained(): Promise<void> {
    while (this.#output.writableLength > LOW_WATER && !this.#output.destroyed)
      await Promise.race([once(this.#output, "drain"), once(this.#output, "close")]);
  }
}

/**
 * Answers frames that came by a request, on whichever server it reached: nothing that a connection knows is needed, for the token says who
 * sends. They are taken in their order, answers leave as they come. Resolves when all are answered.
 */
export async function answerFrames(
  services: SessionServices,
  { userId, deviceId }: { userId: string; deviceId?: string | undefined },
  texts: readonly string[],
  output: Writable,
  write: (frame: ServerFrame) => void,
): Promise<void> {
  const acknowledging: Promise<void>[] = [];
  const receipts = receiptsAmong(texts);
  const connection = new RequestConnection(output, (frame) => {
    const receipt = frame.type === "ok" ? receipts.get(frame.re) : undefined;
    if (!receipt) return write(frame);
    const told = publishAcknowledgement(services, userId, receipt).then(
      () => write(frame),
      (error: unknown) => {
        const { re } = frame as { re: number };
        const message = messageOf(error);
        write({ type: "error", re, code: ErrorCode.Unavailable, message, retryAfterMs: 1_000 });
      },
    );
    acknowledging.push(told);
  });
  const session = new Session(services, userId, connection);
  session.state = "live";
  session.deviceId = deviceId;
  try {
    await Promise.all(texts.map((text) => session.receive(text)));
    await Promise.all(acknowledging);
  } finally {
    await session.closed();
  }
}

/** The receipts of a request, by their ids: what is not well formed is refused by the session. */
function receiptsAmong(texts: readonly string[]): Map<number, { conversationId: string; upTo: string }> {
  const receipts = new Map<number, { conversationId: string; upTo: string }>();
  for (const text of texts) {
    if (!text.includes('"receipt"')) continue;
    try {
      const frame = parseFrame(text);
      if (frame.type === "receipt") receipts.set(frame.id, frame);
    } catch {
      // The session answers it with the error.
    }
  }
  return receipts;
}
