import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { messageId } from "../src/broker/message-id.ts";
import type { ChatServer } from "../src/server.ts";
import { change, created } from "./contract/contract-context.ts";
import { RawClient } from "./support/raw-client.ts";
import { startTestServer, tokenFor } from "./support/test-server.ts";

/** What a server that stood still for a while leaves in the stores after others have gone on. Here it is written by the test. */
describe("rows that come late", () => {
  let folder = "";
  let server: ChatServer;
  let database: DatabaseSync;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "chat-"));
    server = await startTestServer({ CHAT_DATA_DIR: folder });
    database = new DatabaseSync(join(folder, "chat.sqlite"));
  });
  after(async () => {
    database.close();
    await server.stop(0);
    await rm(folder, { recursive: true });
  });
  const login = async (user: string) => RawClient.login(server.port, await tokenFor(user));

  test("on the offline list of who was removed meanwhile are not sent, and go", async () => {
    const alice = await login("alice");
    const [kept, ended] = [await created(alice, ["bob"]), await created(alice, ["bob"])];
    const { messageId: id } = await alice.sendMessage(ended, "late");
    await alice.request("remove_member", { ...change("1", ended), userId: "bob" });
    const body = JSON.stringify({ id, conversationId: ended, senderId: "alice", clientId: "late", text: "late" });
    database
      .prepare("INSERT INTO offline_messages (user_id, conversation_id, message_id, body) VALUES ('bob', ?, ?, ?)")
      .run(ended, id, body);
    await alice.sendMessage(kept, "kept");
    const bob = await login("bob");
    await bob.until(() => bob.messages().length > 0, "the list");
    assert.deepEqual(bob.texts(), ["kept"]);
    const left = database.prepare("SELECT conversation_id FROM offline_messages WHERE user_id = 'bob'").all();
    assert.deepEqual(
      left.map((row) => row.conversation_id),
      [kept],
    );
    await Promise.all([alice.close(), bob.close()]);
  });

  test("of the messages are not listed as the last before the position, after which they may come", async () => {
    const alice = await login("alice");
    const { conversation } = await alice.createDirect("carol");
    const { id: conversationId } = conversation;
    const placed = await alice.sendMessage(conversationId, "placed");
    database
      .prepare(
        "INSERT INTO messages (conversation_id, message_id, sender_id, client_id, sent_at, text) VALUES (?, ?, ?, ?, ?, ?)",
      )
      .run(
        conversationId,
        messageId(placed.sentAt + 1, 0, "0".repeat(12)),
        "carol",
        "unplaced",
        placed.sentAt + 1,
        "unplaced",
      );
    const listed = await alice.request("list_conversations", {});
    assert.ok(listed.type === "conversations");
    const found = listed.conversations.find((one) => one.conversation.id === conversationId);
    assert.equal(found?.lastMessage?.id, placed.messageId);
    assert.equal(found?.position.offset, 1);
    await alice.close();
  });
});
