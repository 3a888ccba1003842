import assert from "node:assert/strict";
import { test } from "node:test";
import { readSettings } from "../k6/settings.ts";

const CHAT_JWT_SECRET = "s".repeat(32);

test("defaults, and what is given", () => {
  const { url, rooms, durationSeconds, messagesPerSecond } = readSettings({
    CHAT_JWT_SECRET,
    DURATION: "2m",
    MESSAGES_PER_SECOND: "0.5",
    ROOMS: "",
  });
  assert.deepEqual([url, rooms, durationSeconds, messagesPerSecond], ["ws://127.0.0.1:8080/chat", 10, 120, 0.5]);
});

test("everything that is wrong is named at once", () => {
  const env = {
    CHAT_JWT_SECRET: "short",
    CHAT_URL: "http://example.org",
    ROOMS: "2.5",
    USERS_PER_ROOM: "1",
    MESSAGES_PER_SECOND: "fast",
    DURATION: "5",
    FAULT_DROP: "yes",
    LATENCY_P99_MS: "-1",
  };
  assert.throws(
    () => readSettings(env),
    ({ message }: Error) => {
      for (const name of Object.keys(env)) assert.match(message, new RegExp(`\\b${name}\\b`));
      assert.doesNotMatch(message, /short/);
      return true;
    },
  );
  assert.throws(() => readSettings({ CHAT_JWT_SECRET, ROOMS: "2", VUS: "3" }), /VUS must not be more than ROOMS/);
});
