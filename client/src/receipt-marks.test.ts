import assert from "node:assert/strict";
import { test } from "node:test";
import type { Receipt } from "@chatcluster/protocol";
import { FakeServer, fakeClient, message, settle } from "../test/fake-server.ts";

test("the application sees receipts go forward only, each member's and kind's for itself", async () => {
  const server = new FakeServer();
  const { client } = fakeClient(server);
  const seen: string[] = [];
  client.on("receipt", ({ conversationId, userId, kind, upTo }) =>
    seen.push(`${conversationId} ${userId} ${kind} ${Number(upTo.slice(4, 10))}`),
  );
  await client.connect();
  const emit = (n: number, more: Partial<Receipt> = {}) =>
    server.last.emit({
      type: "receipt",
      receipt: { conversationId: "c1", userId: "bob", kind: "delivered", upTo: message(n).id, at: n, ...more },
    });
  emit(2);
  emit(1);
  emit(2);
  emit(1, { kind: "read" });
  emit(1, { userId: "cleo" });
  emit(1, { conversationId: "c2" });
  emit(3);
  server.last.drop();
  await client.once("connected");
  emit(2);
  emit(4);
  await settle();
  assert.deepEqual(seen, [
    "c1 bob delivered 2",
    "c1 bob read 1",
    "c1 cleo delivered 1",
    "c2 bob delivered 1",
    "c1 bob delivered 3",
    "c1 bob delivered 4",
  ]);
  client.close();
});
