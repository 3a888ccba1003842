import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import * as Y from "yjs";
import { decodePart, encodeRecord, encodeSnapshot, RecordKind } from "./document-message.ts";
import { PartAssembler } from "./part-assembler.ts";
import { type Conversation, createConversation, Replica } from "./testing/replica.ts";

type Step =
  | { do: "insert"; who: number; at: number; length: number }
  | { do: "delete"; who: number; at: number; length: number }
  | { do: "deliver" | "send"; who: number; count: number }
  | { do: "cut" | "snapshot" | "visit"; who: number }
  | { do: "join"; who: number; recovered: boolean }
  | { do: "reload"; who: number; lostAnswers: boolean };

const REPLICAS = 3;
const who = fc.nat(REPLICAS - 1);
const count = fc.integer({ min: 1, max: 5 });
const edit = <Kind extends "insert" | "delete">(kind: Kind, min: number, max: number) =>
  fc.record({ do: fc.constant(kind), who, at: fc.nat(200), length: fc.integer({ min, max }) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: edit("insert", 1, 12) },
  // As a paste: several messages of the size that the replicas have here.
  { weight: 3, arbitrary: edit("insert", 150, 400) },
  { weight: 2, arbitrary: edit("delete", 1, 30) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom("deliver" as const, "send" as const), who, count }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const), who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("snapshot" as const, "visit" as const), who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("join" as const), who, recovered: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reload" as const), who, lostAnswers: fc.boolean() }) },
);

let typed = 0;
/** Of letters that tell each insertion from all others. */
const fresh = (length: number) => `${(typed++).toString(36)}·`.padEnd(length, "abcdefghij");

/** Somebody who has nothing opens the document: it must be what all messages together make, from the first one on. */
async function visit(conversation: Conversation): Promise<void> {
  const assembler = new PartAssembler();
  const whole = new Y.Doc();
  for (const message of conversation.messages) {
    const part = decodePart(message.data);
    const record = part && assembler.add(message, part);
    if (record?.kind === RecordKind.Update) Y.applyUpdate(whole, record.payload);
  }
  const visitor = await Replica.open(conversation, "dan");
  visitor.join(true);
  await visitor.until(() => visitor.document.caughtUp, "the visitor to have read all");
  const { text } = visitor.document;
  // A snapshot also has what its writer had not published yet: more may be there, and nothing that was deleted, but no less.
  Y.applyUpdate(whole, Y.encodeStateAsUpdate(visitor.document.doc));
  assert.equal(text.toString(), whole.getText("text").toString());
  assert.deepEqual(visitor.failures, []);
  visitor.document.close();
}

async function run(conversation: Conversation, replicas: readonly Replica[], next: Step): Promise<void> {
  const replica = replicas[next.who];
  assert.ok(replica);
  const { text } = replica.document;
  switch (next.do) {
    case "insert":
      text.insert(next.at % (text.length + 1), fresh(next.length));
      break;
    case "delete": {
      const at = next.at % (text.length + 1);
      text.delete(at, Math.min(next.length, text.length - at));
      break;
    }
    case "deliver":
      replica.deliver(next.count);
      break;
    case "send":
      replica.send(next.count);
      break;
    case "cut":
      replica.cut();
      break;
    case "snapshot":
      void replica.document.writeSnapshot();
      break;
    case "visit":
      await visit(conversation);
      break;
    case "join":
      replica.join(next.recovered);
      break;
    case "reload":
      await replica.reload(next.lostAnswers);
  }
  await setImmediate();
}

async function comeToRest(conversation: Conversation, replicas: readonly Replica[]): Promise<void> {
  for (let round = 0; round < 50; round++) {
    for (const replica of replicas) {
      replica.join(true);
      await replica.settle();
      replica.send(100);
      await replica.settle();
    }
    for (const replica of replicas) replica.deliver(Number.POSITIVE_INFINITY);
    for (const replica of replicas) await replica.settle();
    if (replicas.every((replica) => replica.isIdle)) return;
  }
  assert.fail(`no rest after ${conversation.messages.length} messages`);
}

const texts = (replicas: readonly Replica[]) => replicas.map(({ document }) => document.text.toString());

describe("a shared document", () => {
  test("whatever is edited, cut, reloaded and put into a snapshot, all replicas become equal, and nothing is lost", async () => {
    const walk = fc.array(step, { minLength: 60, maxLength: 150 });
    // A snapshot heals what was missed before it: half of the runs have none.
    const property = fc.asyncProperty(walk, fc.boolean(), async (all, hasSnapshots) => {
      const steps = all.filter((next) => hasSnapshots || next.do !== "snapshot");
      const options = hasSnapshots ? {} : { snapshotEvery: Number.POSITIVE_INFINITY };
      const conversation = createConversation();
      const replicas = await Promise.all(
        ["alice", "bob", "carol"].map((userId) => Replica.open(conversation, userId, options)),
      );
      for (const next of steps) await run(conversation, replicas, next);
      await comeToRest(conversation, replicas);
      await visit(conversation);
      const [first, ...others] = texts(replicas);
      // What each one typed and deleted, applied by Yjs alone, is what all must have come to.
      assert.equal(first, conversation.expected.getText("text").toString());
      assert.deepEqual(
        others,
        others.map(() => first),
      );
      for (const { document, failures } of replicas) {
        assert.equal(document.unsent, 0);
        assert.deepEqual(failures, []);
        document.close();
      }
    });
    await fc.assert(property, { numRuns: Number(process.env.DOCUMENT_RUNS ?? 60) });
  });

  test("a burst of typing becomes few messages, the first one at once", async () => {
    const conversation = createConversation();
    const alice = await Replica.open(conversation, "alice", { publishEveryMs: 200 });
    alice.join(true);
    await alice.settle();
    for (const letter of "hello, this is typed fast") alice.document.text.insert(alice.document.text.length, letter);
    await alice.settle();
    assert.equal(alice.waiting, 1, "the first letter is under way");
    alice.send(1);
    await alice.until(() => alice.waiting === 1, "all others in one message");
    alice.send(1);
    await alice.settle();
    assert.equal(conversation.messages.length, 2);
    assert.equal(alice.document.unsent, 0);
    alice.document.close();
  });

  test("who comes late reads back to a snapshot and no further, but misses nothing that the snapshot overtook", async () => {
    const conversation = createConversation();
    const options = { snapshotEvery: Number.POSITIVE_INFINITY };
    const [alice, bob] = await Promise.all(
      ["alice", "bob"].map((userId) => Replica.open(conversation, userId, options)),
    );
    assert.ok(alice && bob);
    for (let index = 0; index < 40; index++) {
      alice.document.text.insert(0, `${index} `);
      await comeToRest(conversation, [alice, bob]);
    }
    // Stored after what Alice has seen, and before her snapshot.
    bob.document.text.insert(0, "overtaken ");
    await bob.settle();
    bob.send(1);
    void alice.document.writeSnapshot();
    await alice.settle();
    alice.send(100);
    assert.ok(conversation.messages.at(-1)?.data[0] === RecordKind.Snapshot, "it has been written");
    const late = await Replica.open(conversation, "dan", options);
    late.join(true);
    await late.settle();
    assert.match(late.document.text.toString(), /^overtaken 39 38 .* 0 $/);
    assert.ok(late.pagesRead <= 2, `read ${late.pagesRead} pages`);
    await comeToRest(conversation, [alice, bob]);
    assert.deepEqual(texts([alice, bob]), texts([late, late]));
    for (const { document } of [alice, bob, late]) document.close();
  });

  test("a page that ends while it still reads, with newer messages coming, leaves no hole for the next one", async () => {
    const conversation = createConversation();
    const options = { snapshotEvery: Number.POSITIVE_INFINITY };
    const alice = await Replica.open(conversation, "alice", options);
    for (let index = 0; index < 30; index++) {
      alice.document.text.insert(0, `${index} `);
      await comeToRest(conversation, [alice]);
    }
    const bob = await Replica.open(conversation, "bob", options);
    alice.document.text.insert(0, "live ");
    await alice.settle();
    bob.join(true);
    alice.send(1);
    bob.deliver(1);
    assert.equal(bob.document.caughtUp, false, "it still reads");
    await bob.reload(false);
    await comeToRest(conversation, [alice, bob]);
    assert.match(bob.document.text.toString(), /^live 29 .* 0 $/);
    for (const { document } of [alice, bob]) document.close();
  });

  test("snapshots are written as edits go on, by who makes them", async () => {
    const conversation = createConversation();
    const options = { maxMessageBytes: 10_000 };
    const [alice, bob] = await Promise.all(
      ["alice", "bob"].map((userId) => Replica.open(conversation, userId, options)),
    );
    assert.ok(alice && bob);
    await comeToRest(conversation, [alice, bob]);
    for (let index = 0; index < 40; index++) {
      alice.document.text.insert(0, "x");
      await comeToRest(conversation, [alice, bob]);
    }
    const writers = conversation.messages.filter(({ data }) => data[0] === RecordKind.Snapshot);
    assert.equal(writers.length, 3, "40 messages, one for each 12");
    assert.ok(writers.every(({ senderId }) => senderId === "alice"));
    for (const { document } of [alice, bob]) document.close();
  });

  test("what was pasted and taken back while offline is not sent", async () => {
    const conversation = createConversation();
    const alice = await Replica.open(conversation, "alice");
    alice.document.text.insert(0, "kept");
    alice.document.text.insert(2, "x".repeat(20_000));
    alice.document.text.delete(2, 20_000);
    await comeToRest(conversation, [alice]);
    assert.equal(conversation.messages.length, 1);
    const late = await Replica.open(conversation, "dan");
    await comeToRest(conversation, [late]);
    assert.equal(late.document.text.toString(), "kept");
    for (const { document } of [alice, late]) document.close();
  });

  test("an edit that is refused is kept, and sent once it may be", async () => {
    const conversation = createConversation();
    const alice = await Replica.open(conversation, "alice");
    alice.join(true);
    await alice.settle();
    alice.refuses = true;
    alice.document.text.insert(0, "refused");
    await alice.settle();
    alice.document.text.insert(0, "more ");
    await alice.settle();
    assert.equal(alice.failures.length, 1, "not tried again and again");
    assert.equal(alice.document.unsent, 2);
    alice.refuses = false;
    alice.document.writable = true;
    await comeToRest(conversation, [alice]);
    assert.equal(conversation.messages.length, 1);
    alice.document.close();
  });

  test("what is no update, and a snapshot of what has not come yet, is left out and said so", async () => {
    const conversation = createConversation();
    const alice = await Replica.open(conversation, "alice");
    alice.join(true);
    await alice.settle();
    alice.document.text.insert(0, "whole");
    await comeToRest(conversation, [alice]);
    const other = new Y.Doc();
    other.getText("text").insert(0, "from the future ");
    const garbage = Uint8Array.from([200, 201, 202, 203]);
    conversation.store("mallory", new Uint8Array([9, 9, 9]));
    conversation.store("mallory", new Uint8Array());
    for (const data of encodeRecord(RecordKind.Update, garbage)) conversation.store("mallory", data);
    for (const data of encodeRecord(RecordKind.Snapshot, garbage)) conversation.store("mallory", data);
    for (const data of encodeRecord(RecordKind.Snapshot, encodeSnapshot("Z".repeat(26), Y.encodeStateAsUpdate(other))))
      conversation.store("mallory", data);
    alice.deliver(Number.POSITIVE_INFINITY);
    const late = await Replica.open(conversation, "dan");
    late.join(true);
    await late.settle();
    for (const { document, failures } of [alice, late]) {
      assert.equal(document.text.toString(), "whole");
      assert.equal(failures.length, 1, `${failures}`);
      assert.match(failures[0] ?? "", /not readable/);
      document.close();
    }
  });
});
