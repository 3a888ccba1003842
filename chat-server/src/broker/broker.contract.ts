import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Broker, BrokerListener, Claim, LogEvent, LogSeed } from "./broker.ts";
import { messageId } from "./message-id.ts";

let counter = 0;

/** What every broker promises; `start` gives two that stand on the same, or one twice. */
export function brokerContract(
  name: string,
  start: (listener: BrokerListener) => Promise<{ brokers: [Broker, Broker]; stop: () => Promise<void> }>,
): void {
  describe(name, () => {
    let one: Broker;
    let two: Broker;
    let stop: () => Promise<void>;
    const events: (LogEvent & { conversationId: string })[] = [];
    const held: string[] = [];
    const userEvents: string[] = [];
    const invalidated: string[] = [];
    before(async () => {
      const started = await start({
        onEvent: (conversationId, event) => void events.push({ conversationId, ...event }),
        onHeld: (conversationId) => void held.push(conversationId),
        onInvalidated: (conversationId) => void invalidated.push(conversationId),
        onTopic: (topic, payload) => void userEvents.push(`${topic} ${payload}`),
        onUserEvent: (userId, payload) => void userEvents.push(`${userId} ${payload}`),
        onResubscribed: () => undefined,
      });
      [one, two] = started.brokers;
      stop = started.stop;
    });
    after(() => stop?.());

    const conversation = () => `c-${counter++}-${Date.now().toString(36)}`;
    const claim = (conversationId: string, clientId: string, digest = "d1"): Claim => ({
      conversationId,
      senderId: "alice",
      clientId,
      digest,
    });
    const open = async (broker: Broker, conversationId: string, seed: Partial<LogSeed> = {}) => {
      const run = await broker.settled(conversationId);
      const position = await broker.open(conversationId, { lastId: "", recent: [], ...seed, run });
      assert.ok(position);
      return position;
    };
    const reserve = async (broker: Broker, wanted: Claim) => {
      const reserved = await broker.reserve(wanted);
      assert.equal(reserved.outcome, "reserved");
      return reserved as Extract<typeof reserved, { outcome: "reserved" }>;
    };
    const published = (conversationId: string) =>
      events.filter((event) => event.conversationId === conversationId).map((event) => event.body);

    test("a conversation without a log is cold, and opening it twice is opening it once", async () => {
      const id = conversation();
      assert.deepEqual(await one.reserve(claim(id, "a")), { outcome: "cold" });
      assert.equal(await one.read(id, undefined, 10), undefined);
      const position = await open(one, id);
      assert.equal(position.offset, 0);
      assert.deepEqual(await open(two, id), position);
    });

    test("publishes in the order of reservations, whatever the order of commits", async () => {
      const id = conversation();
      await open(one, id);
      await one.subscribeConversation(id);
      const claims = ["a", "b", "c"].map((clientId) => claim(id, clientId));
      const [a, b, c] = [
        await reserve(one, claims[0] as Claim),
        await reserve(two, claims[1] as Claim),
        await reserve(one, claims[2] as Claim),
      ];
      assert.ok(a.messageId < b.messageId && b.messageId < c.messageId);
      assert.equal(await one.commit(claims[2] as Claim, c.messageId, '{"n":3}'), "held");
      assert.equal(await two.commit(claims[1] as Claim, b.messageId, '{"n":2}'), "held");
      await one.barrier();
      assert.deepEqual(published(id), []);
      assert.ok(held.includes(id), "a notice tells of what is held");
      assert.equal(await one.commit(claims[0] as Claim, a.messageId, '{"n":1}'), "published");
      assert.equal(await one.commit(claims[0] as Claim, a.messageId, '{"n":1}'), "published", "twice is once");
      await one.barrier();
      assert.deepEqual(published(id), ['{"n":1}', '{"n":2}', '{"n":3}']);
      const read = await two.read(id, { ...(await open(two, id)), offset: 0 }, 10);
      assert.deepEqual(
        read?.events.map((event) => [event.messageId, event.position.offset]),
        [a, b, c].map(({ messageId }, index) => [messageId, index + 1]),
      );
      one.unsubscribeConversation(id);
    });

    test("a retry has the same place; another text under the same name is a conflict", async () => {
      const id = conversation();
      await open(one, id);
      const first = await reserve(one, claim(id, "a"));
      assert.deepEqual(await two.reserve(claim(id, "a")), first);
      await one.commit(claim(id, "a"), first.messageId, "{}");
      const { messageId, sentAt } = first;
      assert.deepEqual(await two.reserve(claim(id, "a")), { outcome: "committed", messageId, sentAt });
      assert.deepEqual(await two.reserve(claim(id, "a", "d2")), { outcome: "conflict" });
    });

    test("an abandoned reservation lets others pass, and its late commit is refused", async () => {
      const id = conversation();
      await open(one, id);
      await one.subscribeConversation(id);
      const lost = await reserve(one, claim(id, "lost"));
      const next = await reserve(two, claim(id, "next"));
      assert.equal(await two.commit(claim(id, "next"), next.messageId, '{"n":2}'), "held");
      assert.deepEqual(await two.stale(id, 60_000), { messageIds: [], pending: true });
      assert.deepEqual(await two.stale(id, 0), { messageIds: [lost.messageId], pending: true });
      await two.abandon(id, next.messageId);
      assert.equal((await two.stale(id, 0)).pending, true, "what is committed can't be abandoned");
      await two.abandon(id, lost.messageId);
      await one.barrier();
      assert.deepEqual(published(id), ['{"n":2}']);
      assert.equal(await one.commit(claim(id, "lost"), lost.messageId, '{"n":1}'), "abandoned");
      const again = await reserve(one, claim(id, "lost"));
      assert.equal(again.replaces, lost.messageId);
      assert.ok(again.messageId > next.messageId);
      one.unsubscribeConversation(id);
    });

    test("a log that does not reach back says so", async () => {
      const id = conversation();
      const { epoch } = await open(one, id);
      for (let index = 0; index < 400; index++) {
        const { messageId } = await reserve(one, claim(id, `m${index}`));
        await one.commit(claim(id, `m${index}`), messageId, "{}");
      }
      assert.equal((await two.read(id, { epoch, offset: 0 }, 10))?.recovered, false);
      assert.equal((await two.read(id, { epoch: "other", offset: 399 }, 10))?.recovered, false);
      assert.equal((await two.read(id, { epoch, offset: 401 }, 10))?.recovered, false);
      const read = await two.read(id, { epoch, offset: 395 }, 3);
      assert.deepEqual(
        read?.events.map((event) => event.position.offset),
        [396, 397, 398],
      );
      assert.deepEqual(read?.position, { epoch, offset: 400 });
    });

    test("a new log goes on after what its seed says, and knows the retries of it", async () => {
      const id = conversation();
      const lastSentAt = Date.now() + 60_000;
      const lastId = messageId(lastSentAt, 3, "0".repeat(12));
      const known = { senderId: "alice", clientId: "old", digest: "d1", messageId: "0".repeat(26), sentAt: 5 };
      await open(one, id, { lastId, recent: [known] });
      assert.equal((await two.read(id, undefined, 0))?.last, lastId);
      assert.ok((await reserve(one, claim(id, "new"))).sentAt >= lastSentAt);
      const retry = await two.reserve(claim(id, "old"));
      assert.deepEqual(retry, { outcome: "committed", messageId: known.messageId, sentAt: 5 });
    });

    test("a log tells the last event that is published, not what is reserved or held", async () => {
      const id = conversation();
      await open(one, id);
      const last = async () => (await two.read(id, undefined, 0))?.last;
      assert.equal(await last(), "");
      const first = await reserve(one, claim(id, "first"));
      const second = await reserve(two, claim(id, "second"));
      await two.commit(claim(id, "second"), second.messageId, "{}");
      assert.equal(await last(), "");
      await one.commit(claim(id, "first"), first.messageId, "{}");
      assert.equal(await last(), second.messageId);
    });

    test("an invalidation reaches those who are subscribed to the conversation", async () => {
      const [id, other] = [conversation(), conversation()];
      await one.subscribeConversation(id);
      await two.invalidate(id);
      await two.invalidate(other);
      await one.barrier();
      assert.deepEqual(
        invalidated.filter((name) => name === id || name === other),
        [id],
      );
      one.unsubscribeConversation(id);
    });

    test("a topic reaches those who subscribed to it", async () => {
      const topic = `typing:${conversation()}`;
      await two.publishTopic(topic, "too early");
      await one.subscribeTopic(topic);
      await two.publishTopic(topic, "hello");
      await one.barrier();
      one.unsubscribeTopic(topic);
      await one.barrier();
      await two.publishTopic(topic, "too late");
      await one.barrier();
      assert.deepEqual(
        userEvents.filter((event) => event.startsWith(topic)),
        [`${topic} hello`],
      );
    });

    test("a user's channel reaches those who subscribed, as often as they did not unsubscribe", async () => {
      const userId = conversation();
      await one.subscribeUser(userId);
      await one.subscribeUser(userId);
      one.unsubscribeUser(userId);
      await two.publishToUsers([userId, "nobody"], "hello");
      await one.barrier();
      one.unsubscribeUser(userId);
      await one.barrier();
      await two.publishToUsers([userId], "too late");
      await one.barrier();
      assert.deepEqual(
        userEvents.filter((event) => event.startsWith(userId)),
        [`${userId} hello`],
      );
    });
  });
}
