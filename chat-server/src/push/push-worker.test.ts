import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { Registry } from "prom-client";
import { delivery, fanOut } from "../../test/push-queue.contract.ts";
import type { PushDevice } from "./devices.ts";
import type { PushNotification } from "./notification.ts";
import { PushMetrics } from "./push-metrics.ts";
import type { ProviderName, PushOutcome, PushProvider } from "./push-provider.ts";
import { PushWorker, type PushWorkerOptions } from "./push-worker.ts";
import { EmbeddedPushQueue } from "./queue/embedded-push-queue.ts";

/** A worker on a queue in memory, with a provider that answers as told. */
async function withWorker(
  answer: (notification: PushNotification) => PushOutcome | Promise<PushOutcome>,
  work: (parts: {
    queue: EmbeddedPushQueue;
    sent: PushNotification[];
    removed: unknown[][];
    settled: () => Promise<boolean>;
    count: (metric: string, labels: string) => Promise<number>;
  }) => Promise<void>,
  options: Partial<PushWorkerOptions> = {},
): Promise<void> {
  const queue = new EmbeddedPushQueue(":memory:", {
    limit: 100,
    leaseMs: 60_000,
    rememberMs: 60_000,
    onDropped: () => assert.fail(),
  });
  const registry = new Registry();
  const sent: PushNotification[] = [];
  const removed: unknown[][] = [];
  const provider: PushProvider = {
    name: "apns",
    async send(notification) {
      sent.push(notification);
      return answer(notification);
    },
    close: async () => undefined,
  };
  const worker = new PushWorker({
    queue,
    providers: new Map<ProviderName, PushProvider>([["apns", provider]]),
    devices: { withToken: async () => [], removeToken: async (...call) => void removed.push(call) },
    unread: { of: async () => 7 },
    metrics: new PushMetrics(registry, () => queue.depth()),
    logger: createLogger("test", "silent"),
    concurrency: 4,
    privateTitle: "New message",
    ...options,
  });
  worker.start();
  const settled = async () => {
    const { ready, delayed } = await queue.depth();
    return ready + delayed === 0;
  };
  const count = async (metric: string, labels: string) =>
    Number(new RegExp(`^${metric}\\{${labels}\\} (.*)$`, "m").exec(await registry.metrics())?.[1] ?? 0);
  try {
    await work({ queue, sent, removed, settled, count });
  } finally {
    await worker.stop();
    await queue.close();
  }
}

const device = (deviceId: string, provider: ProviderName = "apns"): PushDevice => ({
  deviceId,
  provider,
  token: `token of ${deviceId}`,
  registeredAt: 42,
});

describe("the push worker", () => {
  it("sends to every device of every user, with the badge, and to no service that isn't configured", () => {
    const devices = {
      withToken: async (userId: string) => [
        device(`${userId}-phone`),
        device(`${userId}-old`, "fcm"),
        device(`${userId}-pad`),
      ],
      removeToken: async () => assert.fail(),
    };
    const users = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    return withWorker(
      () => ({ outcome: "delivered" }),
      async ({ queue, sent, settled, count }) => {
        await queue.enqueue([fanOut(users)]);
        await until(settled, "everything sent");
        assert.deepEqual(
          sent.map(({ token }) => token).sort(),
          users.flatMap((user) => [`token of ${user}-phone`, `token of ${user}-pad`]).sort(),
        );
        assert.equal(new Set(sent.map(({ id }) => id)).size, 40);
        assert.ok(sent.every(({ badge, title, body }) => badge === 7 && title === "alice" && body === "hello"));
        assert.equal(await count("chat_push_sent_total", 'provider="apns"'), 40);
      },
      { devices },
    );
  });

  it("tries again, under the same id and no sooner than the service has said", () => {
    const times: number[] = [];
    return withWorker(
      () => {
        times.push(Date.now());
        if (times.length === 1) return { outcome: "retry", reason: "busy", afterMs: 1_200 };
        return times.length === 2 ? { outcome: "retry", reason: "busy" } : { outcome: "delivered" };
      },
      async ({ queue, sent, settled, count }) => {
        await queue.enqueue([delivery("phone")]);
        await until(settled, "sent in the end");
        assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
        const [first = 0, second = 0, third = 0] = times;
        assert.ok(second - first >= 1_200, `${second - first}`);
        assert.ok(third - second >= 1_000, `${third - second}: the second failure waits twice as long as the first`);
        assert.equal(await count("chat_push_retried_total", 'provider="apns",reason="busy"'), 2);
      },
    );
  });

  it("gives up when the notification's time is over, before the next try or at it", () =>
    withWorker(
      () => ({ outcome: "retry", reason: "busy", afterMs: 60_000 }),
      async ({ queue, sent, settled, count }) => {
        await queue.enqueue([
          { ...delivery("late"), expiresAt: Date.now() - 1 },
          { ...delivery("would be late"), expiresAt: Date.now() + 30_000 },
        ]);
        await until(settled, "given up");
        assert.equal(sent.length, 1);
        assert.equal(await count("chat_push_expired_total", 'provider="apns"'), 2);
      },
    ));

  it("removes a dead token as it was when the service noticed, else as it was read", () =>
    withWorker(
      ({ token }) => ({ outcome: "dead", reason: "gone", ...(token === "t1" ? { since: 999 } : {}) }),
      async ({ queue, removed, settled, count }) => {
        await queue.enqueue([
          { ...delivery("one"), token: "t1", registeredAt: 5 },
          { ...delivery("two"), token: "t2", registeredAt: 6 },
        ]);
        await until(settled, "both removed");
        assert.deepEqual(removed.sort(), [
          ["bob", "one", 999],
          ["bob", "two", 6],
        ]);
        assert.equal(await count("chat_push_dead_tokens_total", 'provider="apns",reason="gone"'), 2);
      },
    ));

  it("gives a rejected notification up", () =>
    withWorker(
      () => ({ outcome: "rejected", code: "bad" }),
      async ({ queue, sent, removed, settled, count }) => {
        await queue.enqueue([delivery("phone")]);
        await until(settled, "given up");
        assert.equal(sent.length, 1);
        assert.deepEqual(removed, []);
        assert.equal(await count("chat_push_rejected_total", 'provider="apns",code="bad"'), 1);
      },
    ));

  it("sends no more than its number at once", async () => {
    let [now, most] = [0, 0];
    await withWorker(
      async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 5));
        now--;
        return { outcome: "delivered" };
      },
      async ({ queue, sent, settled }) => {
        await queue.enqueue(Array.from({ length: 30 }, (_, index) => delivery(`device-${index}`)));
        await until(settled, "everything sent");
        assert.equal(sent.length, 30);
      },
      { concurrency: 4 },
    );
    assert.equal(most, 4);
  });

  it("keeps text and sender away from the service when the message has no text", () =>
    withWorker(
      () => ({ outcome: "delivered" }),
      async ({ queue, sent, settled }) => {
        const { text: _, ...message } = fanOut([]).message;
        await queue.enqueue([delivery("phone", message)]);
        await until(settled, "sent");
        const [{ title, body, senderId } = assert.fail()] = sent;
        assert.deepEqual({ title, body, senderId }, { title: "New message", body: "", senderId: undefined });
      },
    ));

  it("does without the badge when it can't be counted, and tries again when devices can't be looked up or a provider throws", () => {
    let [lookups, sends] = [0, 0];
    const devices = {
      async withToken() {
        if (lookups++ === 0) throw new Error("the database is away");
        return [device("phone")];
      },
      removeToken: async () => assert.fail(),
    };
    const unread = { of: () => Promise.reject(new Error("the database is away")) };
    return withWorker(
      () => {
        if (sends++ === 0) throw new Error("a defect");
        return { outcome: "delivered" };
      },
      async ({ queue, sent, settled, count }) => {
        await queue.enqueue([fanOut(["bob"])]);
        await until(settled, "sent in the end");
        assert.equal(sent.length, 2);
        assert.equal(sent[1]?.badge, undefined);
        assert.equal(await count("chat_push_retried_total", 'provider="none",reason="devices_unavailable"'), 1);
        assert.equal(await count("chat_push_retried_total", 'provider="apns",reason="internal_error"'), 1);
      },
      { devices, unread },
    );
  });

  it("goes on when the queue was away", async () => {
    let failures = 3;
    await withWorker(
      () => ({ outcome: "delivered" }),
      async ({ queue, sent, settled }) => {
        const claim = queue.claim.bind(queue);
        queue.claim = async (limit) => {
          if (failures-- > 0) throw new Error("Redis is away");
          return claim(limit);
        };
        await queue.enqueue([delivery("phone")]);
        await until(settled, "sent in the end");
        assert.equal(sent.length, 1);
      },
    );
    assert.ok(failures < 0);
  });
});
