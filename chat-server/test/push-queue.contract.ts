import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { DeviceDelivery, FanOut, PushQueue, PushQueueOptions } from "../src/push/push-queue.ts";

/** One store, of which several processes' queues may be opened. */
export interface PushQueueStore {
  open(options: PushQueueOptions): Promise<PushQueue>;
  /** Puts in what no version of this server would. */
  corrupt(): Promise<void>;
  close(): Promise<void>;
}

const expiresAt = Date.now() + 3_600_000;

export function fanOut(userIds: string[], text = "hello"): FanOut {
  const message = { id: randomUUID(), conversationId: "c", senderId: "alice", text };
  return { kind: "fan_out", attempt: 0, expiresAt, message, userIds };
}

export function delivery(deviceId: string, message = fanOut([]).message): DeviceDelivery {
  const device = { deviceId, provider: "apns", token: "t", registeredAt: 1 } as const;
  return { kind: "delivery", attempt: 0, expiresAt, message, userId: "bob", ...device };
}

const LEASE_MS = 400;

/** What `PushQueue` promises, for each implementation. */
export function pushQueueContract(name: string, createStore: () => Promise<PushQueueStore>): void {
  describe(name, () => {
    async function withQueue(
      work: (queue: PushQueue, store: PushQueueStore, dropped: () => number) => Promise<void>,
      options: Partial<PushQueueOptions> = {},
    ): Promise<void> {
      const store = await createStore();
      let dropped = 0;
      const onDropped = (count: number) => {
        dropped += count;
      };
      const queue = await store.open({ limit: 100, leaseMs: LEASE_MS, rememberMs: 60_000, onDropped, ...options });
      await queue.start();
      try {
        await work(queue, store, () => dropped);
      } finally {
        await queue.close();
        await store.close();
      }
    }
    const jobsOf = async (queue: PushQueue, limit = 10) => (await queue.claim(limit)).map(({ job }) => job);

    it("gives jobs in order, as they were, each to one", () =>
      withQueue(async (queue) => {
        assert.deepEqual(await queue.claim(10), []);
        const jobs = [fanOut(["bob", "carol"]), delivery("phone"), fanOut(["dave"], "…\u0000\"'")];
        await queue.enqueue(jobs);
        assert.deepEqual(await jobsOf(queue, 2), jobs.slice(0, 2));
        assert.deepEqual(await jobsOf(queue), jobs.slice(2));
        assert.deepEqual(await queue.claim(10), []);
      }));

    it("gives what its holder left to the next who asks, once the lease has ended and no sooner", () =>
      withQueue(async (queue) => {
        const [left, settled] = [delivery("left"), delivery("settled")];
        await queue.enqueue([left, settled]);
        const claimedAt = Date.now();
        const claimed = await queue.claim(10);
        await queue.done(claimed[1] ?? assert.fail());
        await queue.enqueue([delivery("new")]);
        const again = await until(async () => {
          const found = await queue.claim(10);
          return found.some(({ job }) => job?.kind === "delivery" && job.deviceId === "left") && found;
        }, "the lease ends");
        assert.ok(Date.now() - claimedAt >= LEASE_MS);
        assert.deepEqual(again[0]?.job, left);
      }));

    it("settles by the first that settles, and only once", () =>
      withQueue(async (queue) => {
        await queue.enqueue([delivery("phone")]);
        const [first = assert.fail()] = await queue.claim(1);
        const [second = assert.fail()] = await until(async () => {
          const found = await queue.claim(1);
          return found.length > 0 && found;
        }, "the lease ends");
        await queue.retry(second, { ...delivery("phone"), attempt: 1 }, 0);
        await queue.retry(first, { ...delivery("phone"), attempt: 9 }, 0);
        await queue.done(first);
        assert.deepEqual(
          (await jobsOf(queue)).map((job) => job?.attempt),
          [1],
        );
      }));

    it("gives a job again after its delay", () =>
      withQueue(async (queue) => {
        await queue.enqueue([delivery("phone")]);
        const [claimed = assert.fail()] = await queue.claim(1);
        const from = Date.now();
        await queue.retry(claimed, { ...delivery("phone"), attempt: 1 }, 300);
        assert.deepEqual(await queue.depth(), { ready: 0, delayed: 1 });
        const [job] = await until(async () => {
          const found = await jobsOf(queue);
          return found.length > 0 && found;
        }, "the delay ends");
        assert.equal(job?.attempt, 1);
        assert.ok(Date.now() - from >= 299, `${Date.now() - from}`);
      }));

    it("turns a fan-out into deliveries, one for each message and device however often it comes", () =>
      withQueue(async (queue) => {
        const [one, other] = [fanOut(["bob"]), fanOut(["bob"])];
        await queue.enqueue([one, one, other]);
        const [first = assert.fail(), second = assert.fail(), third = assert.fail()] = await queue.claim(10);
        await queue.expand(first, [delivery("phone", one.message), delivery("tablet", one.message)]);
        await queue.expand(first, [delivery("late", one.message)]);
        await queue.expand(second, [delivery("phone", one.message), delivery("watch", one.message)]);
        await queue.expand(third, [delivery("phone", other.message)]);
        const found = await jobsOf(queue);
        assert.deepEqual(
          found.map((job) => job?.kind === "delivery" && `${job.deviceId} ${job.message.id === one.message.id}`),
          ["phone true", "tablet true", "watch true", "phone false"],
        );
        assert.deepEqual(await queue.depth(), { ready: 4, delayed: 0 });
      }));

    it("settles a fan-out to nobody", () =>
      withQueue(async (queue) => {
        await queue.enqueue([fanOut(["bob"])]);
        const [claimed = assert.fail()] = await queue.claim(1);
        await queue.expand(claimed, []);
        assert.deepEqual(await queue.depth(), { ready: 0, delayed: 0 });
      }));

    it("drops the oldest past its bound, and counts them", () =>
      withQueue(
        async (queue, _store, dropped) => {
          const jobs = Array.from({ length: 8 }, (_, index) => delivery(`device-${index}`));
          await queue.enqueue(jobs.slice(0, 4));
          await queue.enqueue(jobs.slice(4));
          assert.equal(dropped(), 3);
          assert.deepEqual(await jobsOf(queue), jobs.slice(3));
          assert.deepEqual(await queue.depth(), { ready: 5, delayed: 0 });
        },
        { limit: 5 },
      ));

    it("bounds what waits to be tried again", () =>
      withQueue(
        async (queue, _store, dropped) => {
          for (let index = 0; index < 6; index++) {
            await queue.enqueue([delivery(`device-${index}`)]);
            const [claimed = assert.fail()] = await queue.claim(1);
            await queue.retry(claimed, delivery(`device-${index}`), 60_000);
          }
          assert.deepEqual(await queue.depth(), { ready: 0, delayed: 4 });
          assert.equal(dropped(), 2);
        },
        { limit: 4 },
      ));

    it("gives what it can't read as such, to be settled", () =>
      withQueue(async (queue, store) => {
        await store.corrupt();
        const [claimed = assert.fail()] = await queue.claim(10);
        assert.equal(claimed.job, undefined);
        await queue.done(claimed);
        assert.deepEqual(await queue.depth(), { ready: 0, delayed: 0 });
      }));

    it("gives each job to one of several that ask at once", () =>
      withQueue(async (queue, store) => {
        const other = await store.open({
          limit: 100,
          leaseMs: 60_000,
          rememberMs: 60_000,
          onDropped: () => assert.fail(),
        });
        await queue.enqueue(Array.from({ length: 60 }, (_, index) => delivery(`device-${index}`)));
        const rounds = await Promise.all(
          Array.from({ length: 20 }, (_, index) => (index % 2 ? queue : other).claim(3)),
        );
        const ids = rounds.flat().map(({ id }) => id);
        assert.equal(ids.length, 60);
        assert.equal(new Set(ids).size, 60);
        await other.close();
      }));
  });
}
