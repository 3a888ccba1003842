import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { FcmStandIn } from "../../../test/push-stand-ins/fcm-stand-in.ts";
import { notificationFor } from "../../../test/push-stand-ins/notification.ts";
import { FcmProvider } from "./fcm-provider.ts";
import { parseServiceAccount } from "./service-account.ts";

const token = "fcm-registration-token:APA91b";

describe("the FCM provider", () => {
  let fcm: FcmStandIn;
  let provider: FcmProvider;
  let account: string;

  before(async () => {
    fcm = await FcmStandIn.start();
    fcm.tokens.add(token);
  });
  beforeEach(async () => {
    await provider?.close();
    account = JSON.stringify(fcm.serviceAccount);
    fcm.accepted.length = 0;
    provider = create();
  });
  after(async () => {
    await provider.close();
    await fcm.server.close();
  });

  function create(): FcmProvider {
    return new FcmProvider({
      url: fcm.server.origin,
      serviceAccount: async () => account,
      logger: createLogger("test", "silent"),
      now: () => fcm.now,
      requestTimeoutMs: 500,
    });
  }
  const send = (more = {}) => provider.send(notificationFor(token, more, fcm.now));

  it("is accepted, and says what Android needs", async () => {
    const notification = notificationFor(token, { badge: 3 }, fcm.now);
    assert.deepEqual(await provider.send(notification), { outcome: "delivered" });
    const { android, ...message } = fcm.accepted[0] ?? assert.fail();
    assert.deepEqual(message, {
      token,
      notification: { title: "alice", body: "hello" },
      data: { conversationId: "conversation-1", messageId: notification.messageId, senderId: "alice" },
    });
    assert.deepEqual(
      { ...android, collapse_key: undefined },
      {
        priority: "HIGH",
        ttl: "3600s",
        collapse_key: undefined,
        notification: { tag: "conversation-1", notification_count: 3 },
      },
    );
  });

  it("uses one access token for all, asked for once, and renews it before it ends", async () => {
    const before = fcm.grants;
    const all = await Promise.all(Array.from({ length: 20 }, () => send()));
    assert.ok(all.every(({ outcome }) => outcome === "delivered"));
    assert.equal(fcm.grants, before + 1);
    fcm.now += 53 * 60_000;
    await send();
    assert.equal(fcm.grants, before + 1);
    fcm.now += 3 * 60_000;
    assert.deepEqual(await send(), { outcome: "delivered" });
    assert.equal(fcm.grants, before + 2);
  });

  it("gets another access token when FCM refuses the one it has", async () => {
    await send();
    fcm.revoke();
    const outcome = await send();
    assert.deepEqual(outcome, { outcome: "retry", reason: "UNAUTHENTICATED", afterMs: 60_000, fault: "configuration" });
    assert.deepEqual(await send(), { outcome: "delivered" });
  });

  it("never has more than FCM's four collapse keys for a device, whatever the conversations", async () => {
    for (let index = 0; index < 40; index++)
      assert.deepEqual(await send({ conversationId: `conversation-${index}` }), { outcome: "delivered" });
    assert.equal(new Set(fcm.accepted.map(({ android }) => android.notification.tag)).size, 40);
  });

  it("shortens text to the bound of 4 KiB", async () => {
    for (const body of ["x".repeat(16_384), "ä".repeat(16_384), '"\u0001'.repeat(4_096)]) {
      assert.deepEqual(await send({ body }), { outcome: "delivered" });
      const shown = fcm.accepted.at(-1)?.notification.body ?? "";
      assert.ok(shown.endsWith("…") && shown.length > 300);
    }
  });

  it("calls an unregistered token dead, and one of which FCM says that it is none", async () => {
    fcm.unregistered.add("gone");
    assert.deepEqual(await provider.send(notificationFor("gone")), { outcome: "dead", reason: "UNREGISTERED" });
    assert.deepEqual(await provider.send(notificationFor("never was one")), {
      outcome: "dead",
      reason: "INVALID_ARGUMENT",
    });
  });

  it("waits for the operator when the service account is refused, and takes up a new one from its file", async () => {
    account = JSON.stringify({ ...fcm.serviceAccount, private_key_id: "another" });
    const refused = {
      outcome: "retry",
      reason: "invalid_push_credentials",
      afterMs: undefined,
      fault: "configuration",
    };
    assert.deepEqual(await send(), refused);
    account = "{";
    assert.deepEqual(await send(), refused);
    account = JSON.stringify(fcm.serviceAccount);
    assert.deepEqual(await send(), { outcome: "delivered" });
  });

  it("doesn't wait for the operator when the token endpoint is busy", async () => {
    fcm.fail({ status: 503, code: "UNAVAILABLE", retryAfter: "9" });
    assert.deepEqual(await send(), { outcome: "retry", reason: "token_unavailable", afterMs: 9_000 });
  });

  for (const [failure, expected] of [
    [
      { status: 429, code: "RESOURCE_EXHAUSTED", errorCode: "QUOTA_EXCEEDED", retryAfter: "120" },
      { outcome: "retry", reason: "QUOTA_EXCEEDED", afterMs: 120_000 },
    ],
    [
      { status: 429, code: "RESOURCE_EXHAUSTED", errorCode: "QUOTA_EXCEEDED" },
      { outcome: "retry", reason: "QUOTA_EXCEEDED", afterMs: 60_000 },
    ],
    [
      { status: 503, code: "UNAVAILABLE", errorCode: "UNAVAILABLE", retryAfter: "30" },
      { outcome: "retry", reason: "UNAVAILABLE", afterMs: 30_000 },
    ],
    [
      { status: 500, code: "INTERNAL", errorCode: "INTERNAL" },
      { outcome: "retry", reason: "INTERNAL" },
    ],
    [
      { status: 502, code: "<html>" },
      { outcome: "retry", reason: "status_502" },
    ],
    [
      { status: 400, code: "INVALID_ARGUMENT" },
      { outcome: "rejected", code: "INVALID_ARGUMENT" },
    ],
    [
      { status: 403, code: "PERMISSION_DENIED", errorCode: "SENDER_ID_MISMATCH" },
      { outcome: "rejected", code: "SENDER_ID_MISMATCH" },
    ],
    [
      { status: 401, code: "UNAUTHENTICATED", errorCode: "THIRD_PARTY_AUTH_ERROR" },
      { outcome: "retry", reason: "THIRD_PARTY_AUTH_ERROR", afterMs: 60_000, fault: "configuration" },
    ],
    [
      { status: 404, code: "NOT_FOUND" },
      { outcome: "rejected", code: "NOT_FOUND" },
    ],
  ] as const) {
    const { status, code, errorCode } = { errorCode: "", ...failure };
    it(`answers ${status} ${errorCode || code}${"retryAfter" in failure ? " with Retry-After" : ""} by ${expected.outcome}`, async () => {
      await send();
      fcm.fail(failure);
      assert.deepEqual(JSON.parse(JSON.stringify(await send())), expected);
    });
  }

  it("asks to try again after a stall and after a broken connection", async () => {
    await send();
    fcm.server.order("stall");
    assert.deepEqual(await send(), { outcome: "retry", reason: "timeout" });
    fcm.server.order("stall");
    const cut = send();
    await until(() => fcm.server.stalled === 2, "a request under way");
    fcm.server.reset();
    assert.deepEqual(await cut, { outcome: "retry", reason: "no_answer" });
    fcm.server.release();
  });

  it("doesn't follow a redirect", async () => {
    await send();
    fcm.server.order({ status: 307, headers: { location: `${fcm.server.origin}/token` } });
    assert.deepEqual(await send(), { outcome: "rejected", code: "status_307" });
  });
});

describe("a service account's file", () => {
  it("is refused by the field's name, and never shown", () => {
    const wrong = JSON.stringify({ type: "service_account", project_id: "abcd", private_key: "SECRET" });
    assert.throws(
      () => parseServiceAccount(wrong),
      (error: Error) => {
        assert.match(error.message, /private_key_id/);
        assert.doesNotMatch(error.message, /SECRET/);
        return true;
      },
    );
    assert.throws(() => parseServiceAccount("SECRET"), /is not JSON/);
  });
});
