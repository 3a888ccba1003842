import assert from "node:assert/strict";
import { before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";
import { Person, twoOnDifferentServers } from "../../support/person.ts";

let cluster: Cluster;
before(async () => {
  cluster = await clusterIsUp();
});

test("two users on two servers exchange messages in order, and both receipts arrive", async () => {
  const [alice, bob] = await twoOnDifferentServers(cluster, `pair-${Date.now()}`);
  using _ = alice;
  using __ = bob;
  assert.notEqual(alice.server, bob.server);
  const { id } = await alice.client.createConversation({ kind: "direct", memberIds: [bob.id] });

  const sent: string[] = [];
  for (let count = 0; count < 100; count++) {
    const sender = count % 2 === 0 ? alice : bob;
    const { messageId } = await sender.client.send(id, `${sender.id} says ${count}`);
    sent.push(messageId);
  }
  for (const person of [alice, bob]) {
    await until(() => person.history.of(id).length >= sent.length, `${person.id} has every message`);
    assert.deepEqual(
      person.history.of(id).map((message) => message.id),
      sent,
      `${person.id} sees the one order`,
    );
  }

  const lastOfAlice = sent.at(-2) ?? "";
  const delivered = () =>
    alice.receipts.some(
      (receipt) => receipt.kind === "delivered" && receipt.upTo >= lastOfAlice && receipt.userId === bob.id,
    );
  await until(delivered, "alice learns that bob has her last message");
  bob.client.markRead(id, sent.at(-1) ?? "");
  await until(
    () => alice.receipts.some((receipt) => receipt.kind === "read" && receipt.upTo === sent.at(-1)),
    "alice learns that bob read all",
  );
  assert.deepEqual([...alice.errors, ...bob.errors], []);
});

test("an offline user gets every message on reconnect, in order, once", async () => {
  const [alice, bob] = await twoOnDifferentServers(cluster, `offline-${Date.now()}`);
  using _ = alice;
  const { id } = await alice.client.createConversation({ kind: "direct", memberIds: [bob.id] });
  await alice.client.send(id, "while both are here");
  await until(() => bob.history.of(id).length === 1, "bob has the first message");
  bob.client.close();

  const sent: string[] = [];
  for (let count = 0; count < 200; count++)
    sent.push((await alice.client.send(id, `while bob is away ${count}`)).messageId);

  // A new client, as after a restart of the app: it knows no position, so all that it gets is what the servers kept for it.
  using back = new Person(cluster, bob.id);
  await back.online();
  await until(() => back.history.hasAll(new Set(sent)), "bob has every message");
  back.history.assertOnceAndInOrder("bob");
  back.history.assertHasAll(new Set(sent), "bob");
  const delivered = () =>
    alice.receipts.some((receipt) => receipt.kind === "delivered" && receipt.upTo === sent.at(-1));
  await until(delivered, "alice learns that bob has them");

  back.client.close();
  using again = new Person(cluster, bob.id);
  await again.online();
  const marker = (await alice.client.send(id, "the end")).messageId;
  await until(() => again.history.hasAll(new Set([marker])), "bob has the marker");
  const repeated = again.history.of(id).filter((message) => sent.includes(message.id));
  assert.deepEqual(repeated, [], "what was acknowledged is not flushed again");
});
