import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { exportPKCS8, generateKeyPair } from "jose";
import { ApnsStandIn } from "../../../test/push-stand-ins/apns-stand-in.ts";
import { appleToken, notificationFor } from "../../../test/push-stand-ins/notification.ts";
import { ApnsProvider } from "./apns-provider.ts";

const MINUTE = 60_000;

describe("the APNs provider", () => {
  let apns: ApnsStandIn;
  let provider: ApnsProvider;
  let key: string;
  const token = appleToken();

  before(async () => {
    apns = await ApnsStandIn.start();
    apns.devices.add(token);
  });
  after(() => apns.server.close());
  beforeEach(async () => {
    await provider?.close();
    key = apns.key;
    // A period of the token begins, and none began lately, as the stand-in sees it.
    apns.now = Math.ceil((apns.now + 120 * MINUTE) / (40 * MINUTE)) * 40 * MINUTE;
    provider = create();
  });
  after(() => provider.close());

  function create(requestTimeoutMs = 5_000): ApnsProvider {
    return new ApnsProvider({
      url: apns.server.origin,
      teamId: apns.teamId,
      keyId: apns.keyId,
      topic: apns.topic,
      key: async () => key,
      logger: createLogger("test", "silent"),
      now: () => apns.now,
      requestTimeoutMs,
      pingTimeoutMs: 200,
    });
  }

  it("is accepted, with every header that Apple asks for", async () => {
    const notification = notificationFor(token, { badge: 3 }, apns.now);
    assert.deepEqual(await provider.send(notification), { outcome: "delivered" });
    const { headers, payload } = apns.accepted.at(-1) ?? assert.fail();
    assert.equal(headers["apns-id"], notification.id);
    assert.equal(headers["apns-topic"], apns.topic);
    assert.equal(headers["apns-push-type"], "alert");
    assert.equal(headers["apns-priority"], "10");
    assert.equal(headers["apns-expiration"], String(Math.floor(notification.expiresAt / 1_000)));
    assert.equal(headers["apns-collapse-id"], "conversation-1");
    assert.deepEqual(payload, {
      aps: {
        alert: { title: "alice", body: "hello" },
        sound: "default",
        "mutable-content": 1,
        "thread-id": "conversation-1",
        badge: 3,
      },
      conversationId: "conversation-1",
      messageId: notification.messageId,
      senderId: "alice",
    });
  });

  it("keeps a collapse id under 64 bytes, the same for the same conversation only", async () => {
    for (const conversationId of ["c".repeat(128), "c".repeat(128), "d".repeat(128)])
      assert.deepEqual(await provider.send(notificationFor(token, { conversationId })), { outcome: "delivered" });
    const [first, second, third] = apns.accepted.slice(-3).map(({ headers }) => headers["apns-collapse-id"]);
    assert.equal(first, second);
    assert.notEqual(first, third);
  });

  it("shortens text to the bound of 4 KiB, and never splits a character", async () => {
    const family = "👩‍👩‍👧‍👦";
    for (const unit of ["x", family, '"\u0001']) {
      const body = unit.repeat(4_096);
      assert.deepEqual(await provider.send(notificationFor(token, { body })), { outcome: "delivered" });
      const { aps } = (apns.accepted.at(-1) ?? assert.fail()).payload as { aps: { alert: { body: string } } };
      const shown = aps.alert.body;
      assert.ok(shown.endsWith("…") && body.startsWith(shown.slice(0, -1)), shown.slice(-20));
      assert.ok(shown.length > 300);
      if (unit === family) assert.equal((shown.length - 1) % family.length, 0);
    }
  });

  it("uses one provider token for 40 minutes and then another, which Apple's limits of 20 and 60 allow", async () => {
    const tokens = new Set<unknown>();
    for (let minute = 0; minute < 160; minute++) {
      assert.deepEqual(
        await provider.send(notificationFor(token, {}, apns.now)),
        { outcome: "delivered" },
        `${minute}`,
      );
      tokens.add(apns.accepted.at(-1)?.headers.authorization);
      apns.now += MINUTE;
    }
    assert.equal(tokens.size, 4);
  });

  it("shows, after a restart and on another server, a token of the same time: no update in Apple's count", async () => {
    assert.deepEqual(await provider.send(notificationFor(token)), { outcome: "delivered" });
    apns.now += 7 * MINUTE;
    const other = create();
    assert.deepEqual(await other.send(notificationFor(token)), { outcome: "delivered" });
    assert.deepEqual(await provider.send(notificationFor(token)), { outcome: "delivered" });
    await other.close();
  });

  it("waits for the operator when the key is wrong, and takes up a new one from its file", async () => {
    const wrong = await generateKeyPair("ES256", { extractable: true });
    key = await exportPKCS8(wrong.privateKey);
    const refused = await provider.send(notificationFor(token));
    assert.deepEqual(refused, {
      outcome: "retry",
      reason: "InvalidProviderToken",
      afterMs: 60_000,
      fault: "configuration",
    });
    key = "no key";
    const unusable = await provider.send(notificationFor(token));
    assert.deepEqual(unusable, { outcome: "retry", reason: "invalid_push_credentials", fault: "configuration" });
    key = apns.key;
    assert.deepEqual(await provider.send(notificationFor(token)), { outcome: "delivered" });
  });

  it("knows a clock that is an hour behind by Apple's answer", async () => {
    const behind = new ApnsProvider({
      url: apns.server.origin,
      teamId: apns.teamId,
      keyId: apns.keyId,
      topic: apns.topic,
      key: async () => key,
      logger: createLogger("test", "silent"),
      now: () => apns.now - 61 * MINUTE,
    });
    const outcome = await behind.send(notificationFor(token));
    assert.equal(outcome.outcome === "retry" && outcome.reason, "ExpiredProviderToken");
    await behind.close();
  });

  it("calls a token dead with Apple's timestamp, and one that can't be a token without asking", async () => {
    const gone = appleToken();
    apns.gone.set(gone, 1_700_000_000_123);
    assert.deepEqual(await provider.send(notificationFor(gone)), {
      outcome: "dead",
      reason: "Unregistered",
      since: 1_700_000_000_123,
    });
    for (const malformed of ["", "zz", "../../etc", `${token}/`, "a".repeat(63)])
      assert.deepEqual(await provider.send(notificationFor(malformed)), { outcome: "dead", reason: "malformed_token" });
  });

  it("doesn't call a token dead that may only be of the other environment or of another app", async () => {
    assert.deepEqual(await provider.send(notificationFor(appleToken())), {
      outcome: "rejected",
      code: "BadDeviceToken",
    });
    apns.fail({ status: 400, reason: "DeviceTokenNotForTopic" });
    assert.deepEqual(await provider.send(notificationFor(token)), {
      outcome: "rejected",
      code: "DeviceTokenNotForTopic",
    });
  });

  for (const [failure, expected] of [
    [
      { status: 429, reason: "TooManyRequests" },
      { outcome: "retry", reason: "TooManyRequests", afterMs: 30_000 },
    ],
    [
      { status: 429, reason: "TooManyRequests", retryAfter: "77" },
      { outcome: "retry", reason: "TooManyRequests", afterMs: 77_000 },
    ],
    [
      { status: 429, reason: "TooManyProviderTokenUpdates" },
      { outcome: "retry", reason: "TooManyProviderTokenUpdates", afterMs: 1_200_000, fault: "configuration" },
    ],
    [
      { status: 500, reason: "InternalServerError" },
      { outcome: "retry", reason: "InternalServerError" },
    ],
    [
      { status: 503, reason: "ServiceUnavailable", retryAfter: "5" },
      { outcome: "retry", reason: "ServiceUnavailable", afterMs: 5_000 },
    ],
    [
      { status: 503, reason: "Shutdown" },
      { outcome: "retry", reason: "Shutdown" },
    ],
    [
      { status: 413, reason: "PayloadTooLarge" },
      { outcome: "rejected", code: "PayloadTooLarge" },
    ],
    [
      { status: 400, reason: "IdleTimeout" },
      { outcome: "retry", reason: "IdleTimeout" },
    ],
    [
      { status: 410, reason: "ExpiredToken", timestamp: 5 },
      { outcome: "dead", reason: "ExpiredToken", since: 5 },
    ],
    [
      { status: 403, reason: "a remote's whole sentence" },
      { outcome: "retry", reason: "status_403", afterMs: 60_000, fault: "configuration" },
    ],
  ] as const) {
    it(`answers ${failure.status} ${failure.reason}${"retryAfter" in failure ? " with Retry-After" : ""} by ${expected.outcome}`, async () => {
      apns.fail(failure);
      const outcome = await provider.send(notificationFor(token));
      assert.deepEqual(JSON.parse(JSON.stringify(outcome)), expected);
    });
  }

  it("sends everything over one connection, and opens another when that has gone", async () => {
    const before = apns.server.connections;
    const all = await Promise.all(Array.from({ length: 100 }, () => provider.send(notificationFor(token))));
    assert.ok(all.every(({ outcome }) => outcome === "delivered"));
    assert.equal(apns.server.connections, before + 1);
    apns.server.reset();
    // The end of the old connection may be seen before or after the next request has been written.
    await until(async () => (await provider.send(notificationFor(token))).outcome === "delivered", "sent again");
    assert.equal(apns.server.connections, before + 2);
  });

  it("sends again what a GOAWAY has not taken up, and awaits what it has", async () => {
    assert.equal((await provider.send(notificationFor(token))).outcome, "delivered");
    const before = apns.server.connections;
    apns.server.order("stall", "stall", "stall");
    // Streams of a client are odd: 1 has been answered, 3 is taken up, 5 and 7 are not.
    const sends = ["taken-up", "refused-1", "refused-2"].map((body) => provider.send(notificationFor(token, { body })));
    await until(() => apns.server.stalled === 3, "three requests under way");
    const accepted = apns.accepted.length;
    apns.server.goaway(3);
    await until(() => apns.accepted.length === accepted + 2, "two sent again");
    assert.equal(apns.server.connections, before + 1);
    apns.server.release();
    assert.deepEqual(await Promise.all(sends), Array(3).fill({ outcome: "delivered" }));
    assert.equal((await provider.send(notificationFor(token))).outcome, "delivered");
    assert.equal(apns.server.connections, before + 1);
  });

  it("asks to try again what was under way when APNs broke the connection off", async () => {
    assert.equal((await provider.send(notificationFor(token))).outcome, "delivered");
    apns.server.order("stall");
    const send = provider.send(notificationFor(token));
    await until(() => apns.server.stalled > 0, "a request under way");
    apns.server.goaway(3, 2, '{"reason":"Shutdown"}');
    assert.deepEqual(await send, { outcome: "retry", reason: "no_answer" });
    apns.server.release();
    assert.equal((await provider.send(notificationFor(token))).outcome, "delivered");
  });

  it("finds out that a connection is half open, and goes on over a new one", async () => {
    await provider.close();
    provider = create(500);
    assert.equal((await provider.send(notificationFor(token))).outcome, "delivered");
    const before = apns.server.connections;
    apns.server.freeze();
    assert.deepEqual(await provider.send(notificationFor(token)), { outcome: "retry", reason: "no_answer" });
    await until(async () => (await provider.send(notificationFor(token))).outcome === "delivered", "a new connection");
    assert.equal(apns.server.connections, before + 1);
  });

  it("keeps a connection that is merely slow with one answer", async () => {
    await provider.close();
    provider = create(500);
    assert.equal((await provider.send(notificationFor(token))).outcome, "delivered");
    const before = apns.server.connections;
    apns.server.order("stall");
    assert.deepEqual(await provider.send(notificationFor(token)), { outcome: "retry", reason: "no_answer" });
    assert.equal((await provider.send(notificationFor(token))).outcome, "delivered");
    assert.equal(apns.server.connections, before);
    apns.server.release();
  });

  it("says that nothing was sent when nobody listens", async () => {
    const away = new ApnsProvider({
      url: "https://127.0.0.1:1",
      teamId: apns.teamId,
      keyId: apns.keyId,
      topic: apns.topic,
      key: async () => key,
      logger: createLogger("test", "silent"),
    });
    assert.deepEqual(await away.send(notificationFor(token)), { outcome: "retry", reason: "not_sent" });
    await away.close();
  });
});
