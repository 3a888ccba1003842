import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { configMap } from "./testing/api.ts";
import { readWatchEvents, type WatchEvent } from "./watch-stream.ts";

const lineOf = (type: string, object: object) => Buffer.from(`${JSON.stringify({ type, object })}\n`);
async function read(...chunks: Buffer[]): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for await (const event of readWatchEvents(Readable.from(chunks), "watch configmaps")) events.push(event);
  return events;
}

test("events are read however the bytes are cut, in the middle of a character too", async () => {
  const bytes = Buffer.concat([
    lineOf("ADDED", configMap("a", { text: "größer €😀" })),
    lineOf("BOOKMARK", { kind: "ConfigMap", metadata: { resourceVersion: "12" } }),
  ]);
  for (const size of [1, 3, 7, bytes.length]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    const events = await read(...chunks);
    assert.deepEqual(
      events.map(({ type }) => type),
      ["ADDED", "BOOKMARK"],
    );
    assert.deepEqual(events[0]?.object.data, { text: "größer €😀" });
  }
});

test("an ERROR event is the server's status: 410 says to list again", async () => {
  const status = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version: 1 (9)" };
  await assert.rejects(read(lineOf("ERROR", status)), {
    code: "kubernetes_gone",
    status: 410,
    message: /watch configmaps.*too old/,
  });
});

test("what is no event is refused by name", async () => {
  for (const bad of [
    "nonsense\n",
    '{"type":"ADDED","object":{"kind":"ConfigMap"}}\n',
    '{"type":"BOOKMARK","object":{}}\n',
    "null\n",
  ]) {
    await assert.rejects(read(Buffer.from(bad)), { code: "kubernetes_bad_reply" }, bad);
  }
});
