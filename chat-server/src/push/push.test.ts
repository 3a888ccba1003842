import assert from "node:assert/strict";
import { createECDH, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { loadConfig } from "@chatcluster/foundation/config";
import { until } from "@chatcluster/foundation/until";
import { pino } from "pino";
import { Registry } from "prom-client";
import { Type } from "typebox";
import { ApnsStandIn } from "../../test/push-stand-ins/apns-stand-in.ts";
import { FcmStandIn } from "../../test/push-stand-ins/fcm-stand-in.ts";
import { appleToken } from "../../test/push-stand-ins/notification.ts";
import { WebPushStandIn } from "../../test/push-stand-ins/web-push-stand-in.ts";
import type { PushDevice } from "./devices.ts";
import { Push } from "./push.ts";
import { pushProperties } from "./push-config.ts";
import { EmbeddedPushQueue } from "./queue/embedded-push-queue.ts";

const vapid = createECDH("prime256v1");
const publicKey = vapid.generateKeys("base64url");
const privateKey = vapid.getPrivateKey("base64url");

describe("push to all three services", () => {
  let apns: ApnsStandIn;
  let fcm: FcmStandIn;
  let webPush: WebPushStandIn;
  let folder: string;
  let devices: PushDevice[];
  let logged: string;

  before(async () => {
    [apns, fcm, webPush] = await Promise.all([ApnsStandIn.start(), FcmStandIn.start(), WebPushStandIn.start()]);
    folder = await mkdtemp(join(tmpdir(), "push-"));
    await writeFile(join(folder, "apns.p8"), apns.key);
    await writeFile(join(folder, "account.json"), JSON.stringify(fcm.serviceAccount));
    const [appleDevice, androidDevice] = [appleToken(), "android-token"];
    apns.devices.add(appleDevice);
    fcm.tokens.add(androidDevice);
    const browser = JSON.stringify(webPush.subscribe(publicKey));
    devices = [
      { deviceId: "phone", provider: "apns", token: appleDevice, registeredAt: 1 },
      { deviceId: "tablet", provider: "fcm", token: androidDevice, registeredAt: 1 },
      { deviceId: "laptop", provider: "webpush", token: browser, registeredAt: 1 },
    ];
  });
  after(async () => {
    await Promise.all([apns, fcm, webPush].map(({ server }) => server.close()));
    await rm(folder, { recursive: true });
  });

  const environment = () => ({
    CHAT_APNS_URL: apns.server.origin,
    CHAT_APNS_TEAM_ID: apns.teamId,
    CHAT_APNS_KEY_ID: apns.keyId,
    CHAT_APNS_TOPIC: apns.topic,
    CHAT_APNS_KEY_FILE: join(folder, "apns.p8"),
    CHAT_FCM_URL: fcm.server.origin,
    CHAT_FCM_SERVICE_ACCOUNT_FILE: join(folder, "account.json"),
    CHAT_WEBPUSH_PUBLIC_KEY: publicKey,
    CHAT_WEBPUSH_PRIVATE_KEY: privateKey,
    CHAT_WEBPUSH_SUBJECT: "mailto:operator@example.com",
    CHAT_WEBPUSH_HOSTS: webPush.host,
  });

  async function start(env: Record<string, string>, file = ":memory:") {
    logged = "";
    const stream = new Writable({
      write(chunk, _encoding, done) {
        logged += chunk;
        done();
      },
    });
    const registry = new Registry();
    const push = await Push.create({
      config: loadConfig(Type.Object(pushProperties), env, "CHAT_"),
      queue: (options) => new EmbeddedPushQueue(file, options),
      devices: { withToken: async () => devices, removeToken: async () => assert.fail() },
      unread: { of: async () => 1 },
      registry,
      logger: pino({ level: "trace" }, stream),
    });
    push.start();
    return { push, registry, [Symbol.asyncDispose]: () => push.close() };
  }
  const body = (text: string) =>
    JSON.stringify({
      id: randomBytes(8).toString("hex"),
      conversationId: "c",
      senderId: "alice",
      clientId: "1",
      sentAt: 1,
      text,
    });
  const accepted = () => [apns.accepted.length, fcm.accepted.length, webPush.accepted.length];
  const reached = (expected: number[]) => until(() => accepted().join() === expected.join(), `accepted ${expected}`);

  it("reaches a user's iPhone, Android tablet and browser, once each, and shows no secret", async () => {
    await using started = await start(environment());
    const { push, registry } = started;
    const message = body("hello");
    await push.notify(["bob"], message);
    await push.notify(["bob"], message);
    await reached([1, 1, 1]);
    await push.notify(["bob"], body("second"));
    await reached([2, 2, 2]);
    // A service has taken it a moment before the worker knows.
    const empty = /chat_push_queue_depth\{state="ready"\} 0/;
    await until(async () => empty.test(await registry.metrics()), "the queue to be empty");
    const metrics = await registry.metrics();
    for (const provider of ["apns", "fcm", "webpush"])
      assert.match(metrics, new RegExp(`chat_push_sent_total\\{provider="${provider}"\\} 2`));
    await push.close();
    const secrets = [apns.key, privateKey, fcm.serviceAccount.private_key, ...devices.map(({ token }) => token)];
    for (const secret of secrets) assert.ok(!logged.includes(secret.split("\n")[1] ?? secret), logged);
  });

  it("keeps text in the system when told to: neither the services nor the queue's file have it", async () => {
    const file = join(folder, "push.sqlite");
    await using started = await start({ ...environment(), CHAT_PUSH_INCLUDE_TEXT: "false" }, file);
    const { push } = started;
    const before = accepted();
    fcm.fail({ status: 503, code: "UNAVAILABLE", retryAfter: "60" });
    await push.notify(["bob"], body("top secret"));
    await until(() => accepted()[0] === (before[0] ?? 0) + 1 && accepted()[2] === (before[2] ?? 0) + 1, "two reached");
    await push.close();
    const shown = JSON.stringify([apns.accepted.at(-1), webPush.accepted.at(-1)]);
    assert.match(shown, /New message/);
    assert.doesNotMatch(shown, /top secret|alice/);
    const files = await Promise.all([file, `${file}-wal`].map((path) => readFile(path, "latin1").catch(() => "")));
    assert.doesNotMatch(files.join(), /top secret/);
  });

  it("does nothing and asks for nothing without a service", async () => {
    const { push, registry } = await start({}, "/nonexistent/folder/push.sqlite");
    await push.notify(["bob"], body("hello"));
    await push.close();
    assert.equal(await registry.metrics(), "\n");
  });

  it("names the variable of a credential that can't be read or used, without showing it", async () => {
    const wrong = { ...environment(), CHAT_APNS_KEY_FILE: join(folder, "missing.p8") };
    await assert.rejects(start(wrong), /CHAT_APNS_KEY.*missing\.p8/);
    await writeFile(join(folder, "broken.json"), '{"private_key":"SECRET"}');
    await assert.rejects(
      start({ ...environment(), CHAT_FCM_SERVICE_ACCOUNT_FILE: join(folder, "broken.json") }),
      (error: Error) => {
        assert.match(error.message, /CHAT_FCM_SERVICE_ACCOUNT/);
        assert.doesNotMatch(error.message, /SECRET/);
        return true;
      },
    );
    const other = createECDH("prime256v1").generateKeys("base64url");
    await assert.rejects(start({ ...environment(), CHAT_WEBPUSH_PUBLIC_KEY: other }), /CHAT_WEBPUSH_PRIVATE_KEY/);
  });
});
