import assert from "node:assert/strict";
import { createECDH } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import { createLogger } from "@chatcluster/foundation/logger";
import { notificationFor } from "../../../test/push-stand-ins/notification.ts";
import { WebPushStandIn } from "../../../test/push-stand-ins/web-push-stand-in.ts";
import { isAllowed, KNOWN_PUSH_SERVICES } from "./allowed-hosts.ts";
import { checkVapidKeys } from "./vapid-keys.ts";
import { WebPushProvider } from "./web-push-provider.ts";

const vapid = createECDH("prime256v1");
const publicKey = vapid.generateKeys("base64url");
const privateKey = vapid.getPrivateKey("base64url");

describe("the Web Push provider", () => {
  let service: WebPushStandIn;
  let provider: WebPushProvider;
  let subscription: ReturnType<WebPushStandIn["subscribe"]>;

  before(async () => {
    service = await WebPushStandIn.start();
  });
  beforeEach(async () => {
    await provider?.close();
    provider = create(service.host);
    subscription = service.subscribe(publicKey);
  });
  after(async () => {
    await provider.close();
    await service.server.close();
  });

  function create(hosts: string): WebPushProvider {
    return new WebPushProvider({
      publicKey,
      privateKey: async () => `${privateKey}\n`,
      subject: "mailto:operator@example.com",
      hosts,
      logger: createLogger("test", "silent"),
      requestTimeoutMs: 500,
    });
  }
  const send = (more = {}) => provider.send(notificationFor(JSON.stringify(subscription), more));

  it("is accepted and can be decrypted by the browser alone", async () => {
    const notification = notificationFor(JSON.stringify(subscription), { badge: 2 });
    assert.deepEqual(await provider.send(notification), { outcome: "delivered" });
    const { headers, payload } = service.accepted.at(-1) ?? assert.fail();
    assert.deepEqual(payload, {
      title: "alice",
      body: "hello",
      badge: 2,
      conversationId: "conversation-1",
      messageId: notification.messageId,
      senderId: "alice",
    });
    assert.equal(headers.topic, "conversation-1");
    assert.equal(headers.urgency, "high");
    assert.ok(Math.abs(Number(headers.ttl) - 3_600) <= 2, String(headers.ttl));
  });

  it("shortens text to the bound of 4 KiB, and topics to 32 characters", async () => {
    assert.deepEqual(await send({ body: "ä".repeat(16_384), conversationId: "c".repeat(128) }), {
      outcome: "delivered",
    });
    const { payload, plaintextBytes } = service.accepted.at(-1) ?? assert.fail();
    assert.ok(String(payload.body).endsWith("…"));
    assert.ok(plaintextBytes <= 3_993 && plaintextBytes > 3_900, String(plaintextBytes));
  });

  it("calls a subscription dead that is gone, that nobody knows, or that is none", async () => {
    service.unsubscribe(subscription.endpoint);
    assert.deepEqual(await send(), { outcome: "dead", reason: "status_410" });
    subscription = { ...subscription, endpoint: `${service.server.origin}/push/unknown` };
    assert.deepEqual(await send(), { outcome: "dead", reason: "status_404" });
    const good = service.subscribe(publicKey);
    const notAPoint = `B${"A".repeat(86)}`;
    for (const token of [
      "text",
      "{}",
      JSON.stringify({ ...good, endpoint: good.endpoint.replace("https", "http") }),
      JSON.stringify({ ...good, endpoint: good.endpoint.replace("://", "://user:pass@") }),
      JSON.stringify({ ...good, keys: { ...good.keys, auth: "short" } }),
      JSON.stringify({ ...good, keys: { ...good.keys, p256dh: notAPoint } }),
    ])
      assert.deepEqual(
        await provider.send(notificationFor(token)),
        { outcome: "dead", reason: "malformed_token" },
        token,
      );
  });

  it("posts to no host that isn't allowed, and follows no redirect to one", async () => {
    const accepted = service.accepted.length;
    const { connections } = service.server;
    const strict = create(KNOWN_PUSH_SERVICES);
    const outcome = await strict.send(notificationFor(JSON.stringify(subscription)));
    assert.deepEqual(outcome, { outcome: "rejected", code: "host_not_allowed" });
    assert.equal(service.server.connections, connections);
    service.server.order({ status: 307, headers: { location: subscription.endpoint } });
    assert.deepEqual(await send(), { outcome: "rejected", code: "status_307" });
    assert.equal(service.accepted.length, accepted);
  });

  it("is refused for a subscription of another key", async () => {
    subscription = service.subscribe(createECDH("prime256v1").generateKeys("base64url"));
    assert.deepEqual(await send(), { outcome: "rejected", code: "status_403" });
  });

  for (const [answer, expected] of [
    [{ status: 413 }, { outcome: "rejected", code: "status_413" }],
    [{ status: 400 }, { outcome: "rejected", code: "status_400" }],
    [
      { status: 429, headers: { "retry-after": "40" } },
      { outcome: "retry", reason: "status_429", afterMs: 40_000 },
    ],
    [{ status: 429 }, { outcome: "retry", reason: "status_429", afterMs: 30_000 }],
    [
      { status: 503, headers: { "retry-after": "3" } },
      { outcome: "retry", reason: "status_503", afterMs: 3_000 },
    ],
    [{ status: 500 }, { outcome: "retry", reason: "status_500" }],
  ] as const) {
    it(`answers ${answer.status}${"headers" in answer ? " with Retry-After" : ""} by ${expected.outcome}`, async () => {
      service.server.order(answer);
      assert.deepEqual(JSON.parse(JSON.stringify(await send())), expected);
    });
  }

  it("asks to try again after a stall", async () => {
    service.server.order("stall");
    assert.deepEqual(await send(), { outcome: "retry", reason: "timeout" });
    service.server.release();
  });
});

describe("VAPID keys", () => {
  it("must belong together", () => {
    checkVapidKeys(publicKey, privateKey);
    assert.throws(
      () => checkVapidKeys(createECDH("prime256v1").generateKeys("base64url"), privateKey),
      /does not belong/,
    );
    assert.throws(() => checkVapidKeys(publicKey, "AAAA"), /P-256/);
  });
});

describe("allowed hosts", () => {
  it("are whole names, or any names before a suffix", () => {
    const list = "one.example, *.two.example,three.example:8443";
    const allowed = (url: string) => isAllowed(list, new URL(url));
    assert.ok(allowed("https://one.example/x"));
    assert.ok(allowed("https://ONE.example:443/x"));
    assert.ok(allowed("https://a.two.example/"));
    assert.ok(allowed("https://three.example:8443/"));
    for (const url of [
      "https://xone.example",
      "https://two.example",
      "https://eviltwo.example",
      "https://one.example:9",
      "https://three.example",
    ])
      assert.ok(!allowed(url), url);
  });
});
