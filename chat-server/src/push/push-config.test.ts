import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadConfig, variableName } from "@chatcluster/foundation/config";
import { Type } from "typebox";
import { pushProblems, pushProperties } from "./push-config.ts";

const problems = (env: Record<string, string>) =>
  pushProblems(loadConfig(Type.Object(pushProperties), env, "CHAT_"), (property) => variableName("CHAT_", property));

describe("the configuration of push", () => {
  it("needs nothing, and then asks for nothing", () => {
    assert.deepEqual(problems({}), []);
  });

  it("wants everything of a service or nothing", () => {
    assert.deepEqual(problems({ CHAT_APNS_KEY_ID: "KEY1234567", CHAT_APNS_TOPIC: "a.b" }), [
      "CHAT_APNS_TEAM_ID is required with CHAT_APNS_KEY_ID, CHAT_APNS_TOPIC",
      "CHAT_APNS_KEY or CHAT_APNS_KEY_FILE is required with CHAT_APNS_KEY_ID, CHAT_APNS_TOPIC",
    ]);
    assert.deepEqual(problems({ CHAT_FCM_SERVICE_ACCOUNT_FILE: "/x" }), []);
    assert.deepEqual(problems({ CHAT_FCM_SERVICE_ACCOUNT_FILE: "/x", CHAT_FCM_SERVICE_ACCOUNT: "{}" }), [
      "CHAT_FCM_SERVICE_ACCOUNT and CHAT_FCM_SERVICE_ACCOUNT_FILE exclude each other",
    ]);
  });

  it("refuses an address without TLS, and never shows a secret", () => {
    assert.throws(() => problems({ CHAT_APNS_URL: "http://api.push.apple.com" }), /CHAT_APNS_URL/);
    assert.throws(
      () => problems({ CHAT_WEBPUSH_PRIVATE_KEY: "SECRET" }),
      (error: Error) => {
        assert.match(error.message, /CHAT_WEBPUSH_PRIVATE_KEY/);
        return !error.message.includes("SECRET");
      },
    );
  });
});
