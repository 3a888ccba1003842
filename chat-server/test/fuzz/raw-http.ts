import { connect, type Socket } from "node:net";

const QUIET_MS = 3_000;

/** What came back on a raw connection, until the server closed it, said enough, or was quiet for long. */
export interface RawAnswer {
  readonly text: string;
  readonly closed: boolean;
}

/** Writes bytes to a port, in the given pieces, and reads what comes back; `isEnough` ends the wait early. */
export function exchange(
  port: number,
  pieces: readonly (string | Uint8Array)[],
  isEnough: (text: string) => boolean,
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, "127.0.0.1");
    let text = "";
    let over = false;
    const end = (closed: boolean) => {
      if (over) return;
      over = true;
      socket.destroy();
      resolve({ text, closed });
    };
    socket.setTimeout(QUIET_MS, () => end(false));
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (isEnough(text)) end(false);
    });
    // A reset while we write is an answer too; "close" follows.
    socket.on("error", () => undefined);
    socket.on("close", () => end(true));
    socket.on("connect", () => {
      for (const piece of pieces) socket.write(piece);
    });
  });
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** The first HTTP answer in what came back; undefined if there is none. */
export function parseAnswer(text: string): HttpAnswer | undefined {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
  const end = text.indexOf("\r\n\r\n");
  if (status === undefined || end < 0) return undefined;
  return { status: Number(status), headers: text.slice(0, end).toLowerCase(), body: text.slice(end + 4) };
}

/** Whether an answer is there in full, by its length or its last chunk; a stream never is, so its head will do. */
export function isWhole(text: string): boolean {
  const answer = parseAnswer(text);
  if (!answer) return false;
  const length = /content-length: (\d+)/.exec(answer.headers)?.[1];
  if (length !== undefined) return answer.body.length >= Number(length);
  return answer.status < 200 || answer.headers.includes("text/event-stream") || answer.body.endsWith("0\r\n\r\n");
}
