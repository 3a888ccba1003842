import type { ServerFrame } from "@chatcluster/protocol";

export interface ReceivedEvent {
  frame: ServerFrame;
  /** The last event id at that event. */
  id: string;
  retryMs: number;
}

/** Reads server-sent events as the HTML standard (section 9.2.6) has it, with nothing of our client. */
export class EventStreamReader {
  readonly #lines: AsyncGenerator<string>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly comments: string[] = [];
  #id = "";
  #retryMs = 0;
  #cancelled = false;

  constructor(response: Response) {
    if (!response.body) throw new Error("the response has no body");
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    this.#lines = this.#read();
  }

  /** The next event whose frame the condition holds for; those before it are dropped. */
  async until(condition: (frame: ServerFrame) => boolean): Promise<ReceivedEvent> {
    for (;;) {
      const { type, data } = await this.#next();
      if (type !== "message") throw new Error(`closed: ${data}`);
      const frame = JSON.parse(data) as ServerFrame;
      if (condition(frame)) return { frame, id: this.#id, retryMs: this.#retryMs };
    }
  }

  async untilClosed(): Promise<{ code: number; reason: string }> {
    for (;;) {
      const { type, data } = await this.#next();
      if (type === "close") return JSON.parse(data) as { code: number; reason: string };
    }
  }

  cancel(): void {
    this.#cancelled = true;
    void this.#reader.cancel();
  }

  async #next(): Promise<{ type: string; data: string }> {
    const event = { type: "message", data: "" };
    for (;;) {
      const { value: line, done } = await this.#lines.next();
      if (done) throw new Error("the stream has ended");
      if (line !== "") this.#field(event, line);
      else if (event.data !== "") return event;
      else event.type = "message";
    }
  }

  #field(event: { type: string; data: string }, line: string): void {
    const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === "data") event.data += value;
    else if (field === "event") event.type = value;
    else if (field === "id") this.#id = value;
    else if (field === "retry") this.#retryMs = Number(value);
    else if (field === "") this.comments.push(value);
  }

  async *#read(): AsyncGenerator<string> {
    let rest = "";
    while (!this.#cancelled) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  }
}
