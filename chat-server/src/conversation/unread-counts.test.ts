import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { messageId } from "../broker/message-id.ts";
import { EmbeddedDirectory } from "../directory/embedded-directory.ts";
import { openDatabase } from "../store/embedded/database.ts";
import { embeddedStores } from "../store/embedded/embedded-stores.ts";
import type { Stores } from "../store/stores.ts";
import { UnreadCounts } from "./unread-counts.ts";

const SENT_AT = 1_700_000_000_000;
const idOf = (index: number, at = SENT_AT) => messageId(at, index, "0".repeat(12));

/** Bob in a number of conversations with Alice, to count for; `reads` counts what it costs. */
async function setUp({ conversations }: { conversations: number }) {
  const database = openDatabase(undefined);
  const stores = embeddedStores(database);
  const directory = new EmbeddedDirectory(database, { offlineLimit: 100, publish: () => undefined });
  let now = SENT_AT;
  let reads = 0;
  const counted = <Service extends object>(service: Service): Service =>
    new Proxy(service, {
      get: (target, name, receiver) => {
        const member: unknown = Reflect.get(target, name, receiver);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          reads++;
          return member.apply(target, args);
        };
      },
    });
  const unread = new UnreadCounts({
    stores: {
      conversations: counted(stores.conversations),
      messages: counted(stores.messages),
      receipts: counted(stores.receipts),
    },
    directory,
    now: () => now,
  });
  for (let index = 0; index < conversations; index++)
    await stores.conversations.create({
      id: `c${index}`,
      kind: "direct",
      createdBy: "alice",
      createdAt: SENT_AT,
      members: [{ userId: "alice" }, { userId: "bob" }],
    });
  const say = (conversationId: string, index: number, senderId = "alice", sentAt = SENT_AT) => {
    const message = { id: idOf(index, sentAt), conversationId, senderId, clientId: `m${index}`, sentAt, text: "hi" };
    return stores.messages.insert(message);
  };
  const mark = (kind: "delivered" | "read", conversationId: string, index: number, userId = "bob", at = SENT_AT) =>
    stores.receipts.advance({ conversationId, userId, kind, upTo: idOf(index, at), at });
  const wait = (conversationId: string, index: number) =>
    directory.push(["bob"], [{ conversationId, messageId: idOf(index), body: "{}" }], false);
  return {
    say,
    mark,
    wait,
    unread,
    directory,
    stores,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    /** The count, and how many reads of the stores it took. */
    async count(userId = "bob") {
      const before = reads;
      return [await unread.of(userId), reads - before];
    },
  };
}

test("what was delivered and not read, of others, and what waits; counted once for a time without a connection", async () => {
  const { say, mark, wait, count, directory, pass } = await setUp({ conversations: 3 });
  assert.deepEqual(await count(), [0, 4], "nothing delivered: one read of the list, one of each conversation's marks");
  for (const index of [1, 2, 3, 4]) await say("c0", index);
  await say("c0", 5, "bob");
  await say("c1", 6);
  await directory.register("bob");
  await mark("delivered", "c0", 5);
  await mark("read", "c0", 2);
  await mark("delivered", "c1", 6);
  await mark("read", "c1", 6);
  await directory.unregister("bob");
  assert.deepEqual(await count(), [2, 5], "the history of the one that has something unread, and of no other");
  await say("c1", 7);
  await wait("c1", 7);
  await say("c2", 8);
  await wait("c2", 8);
  assert.deepEqual(await count(), [4, 0]);

  const before = Date.now();
  await until(() => Date.now() > before, "another millisecond");
  await directory.register("bob");
  await mark("read", "c0", 5);
  await directory.unregister("bob");
  const [after] = await count();
  assert.equal(after, 2, "another time, another count");
  await mark("delivered", "c2", 8);
  pass(10 * 60 * 1_000);
  assert.equal((await count())[0], 3, "marks that a request without a connection moved are seen a little later");
});

test("devices of a user that are pushed to at once share a count, and one that failed is not kept", async () => {
  const { unread, directory, count } = await setUp({ conversations: 40 });
  await directory.unregister("bob");
  await Promise.all([unread.of("bob"), unread.of("bob"), unread.of("bob")]);
  assert.deepEqual(await count(), [0, 0]);
  const conversations = { idsOf: () => Promise.reject(new Error("away")) };
  const services = {
    stores: { ...embeddedStores(openDatabase(undefined)), conversations } as unknown as Stores,
    directory,
  };
  const failing = new UnreadCounts(services);
  await assert.rejects(failing.of("bob"), /away/);
  services.stores = embeddedStores(openDatabase(undefined));
  assert.equal(await failing.of("bob"), 0);
});

test("what was there before the user was added is not unread", async () => {
  const { say, mark, count, stores } = await setUp({ conversations: 1 });
  const carol = [{ userId: "carol", role: "member" as const }];
  await stores.conversations.addMembers("c0", carol, SENT_AT + 1);
  await say("c0", 1);
  await say("c0", 2, "alice", SENT_AT + 1);
  await mark("delivered", "c0", 2, "carol", SENT_AT + 1);
  assert.deepEqual(await count("carol"), [1, 4], "the conversations, the marks, when she was added, the messages");
});
