import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_SUBSCRIPTIONS } from "@chatcluster/protocol";
import { liveId } from "../../conversation/conversation-id.ts";
import { parseCursor, StreamCursor } from "./stream-cursor.ts";

const position = { epoch: "e".repeat(12), offset: 999_999_999_999_999 };

test("a cursor holds as many live conversations as a connection may have, whatever else there is", () => {
  const cursor = new StreamCursor();
  const live = Array.from({ length: MAX_SUBSCRIPTIONS }, (_, index) => liveId("ada", String(index)));
  for (const conversationId of live) cursor.set({ conversationId, position });
  for (let index = 0; index < 200; index++) cursor.set({ conversationId: `g-${index}`.padEnd(29, "x"), position });
  const parsed = parseCursor(cursor.toString());
  assert.equal(parsed?.complete, false);
  for (const conversationId of live) assert.deepEqual(parsed?.positions[conversationId], position);
});

test("what has ended is taken out", () => {
  const cursor = new StreamCursor();
  cursor.set({ conversationId: "l-a", position });
  cursor.set({ conversationId: "g-b", position });
  cursor.set({ conversationId: "l-a" });
  assert.deepEqual(Object.keys(parseCursor(cursor.toString())?.positions ?? {}), ["g-b"]);
});
