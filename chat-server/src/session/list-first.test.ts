import assert from "node:assert/strict";
import { test } from "node:test";
import { CloseCode } from "@chatcluster/protocol";
import type { OfflineEntry } from "../directory/user-directory.ts";
import { OutboundFrame } from "./outbound-frame.ts";
import type { SessionServices } from "./services.ts";
import { Session } from "./session.ts";

function event(conversationId: string, offset: number) {
  const messageId = `id-${offset}`;
  const frame = new OutboundFrame(`live ${conversationId} ${offset}`);
  return { conversationId, position: { epoch: "e1", offset }, messageId, senderId: "alice", body: "{}", frame };
}

/** A session of bob's that has just signed in without positions, with an offline list that is there when the test says so. */
function signedIn() {
  const list = Promise.withResolvers<{ entries: OfflineEntry[]; overflow: boolean }>();
  const sent: string[] = [];
  const closed: number[] = [];
  const session = new Session(
    {
      registry: { add: () => undefined },
      directory: { list: () => list.promise },
      conversations: { membersFor: () => Promise.resolve() },
      onDelivered: () => undefined,
    } as unknown as SessionServices,
    "bob",
    {
      send: ({ text }) => void sent.push(text),
      close: (code) => void closed.push(code),
      drained: () => Promise.resolve(),
    },
  );
  session.state = "live";
  session.expectOfflineList(["c1"]);
  return { session, list, sent, closed };
}

const entry = { conversationId: "c1", messageId: "id-1", body: '"of the list"' };

test("events of a conversation without a position wait until the offline list has been sent; others don't", async () => {
  const { session, list, sent } = signedIn();
  const flushed = session.sendOfflineList();
  session.onEvent(event("c1", 2));
  session.onEvent(event("c2", 7));
  session.onEvent(event("c1", 3));
  assert.deepEqual(sent, ["live c2 7"]);
  list.resolve({ entries: [entry], overflow: false });
  await flushed;
  session.onEvent(event("c1", 4));
  assert.deepEqual(sent, [
    "live c2 7",
    '{"type":"message","message":"of the list"}',
    "live c1 2",
    "live c1 3",
    "live c1 4",
  ]);
});

test("a connection that is closed meanwhile is given nothing more, and one for which too much waits is closed", async () => {
  const { session, list, sent, closed } = signedIn();
  const flushed = session.sendOfflineList();
  for (let offset = 2; offset <= 10_001; offset++) session.onEvent(event("c1", offset));
  assert.deepEqual(closed, []);
  session.onEvent(event("c1", 10_002));
  assert.deepEqual(closed, [CloseCode.SlowConsumer]);
  session.state = "closed";
  list.resolve({ entries: [], overflow: false });
  await flushed;
  assert.deepEqual(sent, []);
});
