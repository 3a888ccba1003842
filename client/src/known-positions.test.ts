import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerFrame } from "@chatcluster/protocol";
import { event, position } from "../test/fake-server.ts";
import { KnownPositions } from "./known-positions.ts";

const note = (known: KnownPositions, ...frames: ServerFrame[]) => {
  for (const frame of frames) known.note(JSON.stringify(frame));
};
const added = (offset: number): ServerFrame => ({
  type: "conversation_added",
  conversation: { id: "c1", kind: "group", createdBy: "bob", createdAt: 1, members: [] },
  position: position(offset),
});

test("positions follow the events, and are not set back by what announces the conversation once more", () => {
  const known = new KnownPositions();
  note(known, added(3), event(4), event(5), added(3));
  assert.deepEqual(known.latest(), { c1: position(5) });
});

test("who left and was invited again goes on after the invitation, not where the first stay ended", () => {
  const known = new KnownPositions();
  note(known, event(5), { type: "conversation_removed", conversationId: "c1" });
  assert.deepEqual(known.latest(), {});
  note(known, added(9));
  assert.deepEqual(known.latest(), { c1: position(9) });
});

test("what the device was not there for begins where the server says that it was lost", () => {
  const known = new KnownPositions();
  const { position: _, ...missed } = added(0) as Extract<ServerFrame, { type: "conversation_added" }>;
  note(known, missed);
  assert.deepEqual(known.latest(), {});
  note(known, { type: "resumed", conversationId: "c1", recovered: false, position: position(7) });
  assert.deepEqual(known.latest(), { c1: position(7) });
});
