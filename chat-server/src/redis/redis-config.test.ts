import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@chatcluster/foundation/errors";
import { loadChatConfig } from "../config.ts";

const rest = {
  CHAT_BACKEND: "cluster",
  CHAT_CASSANDRA_CONTACT_POINTS: "127.0.0.1:9042",
  CHAT_JWT_SECRET: "x".repeat(32),
};

const refused = (env: Record<string, string>, expected: RegExp) =>
  assert.throws(
    () => loadChatConfig({ ...rest, ...env }),
    (error: unknown) => {
      assert.ok(error instanceof CodedError);
      assert.equal(error.code, "invalid_configuration");
      assert.match(error.message, expected);
      for (const secret of ["hidden", "10.0.0.1"]) assert.ok(!error.message.includes(secret), error.message);
      return true;
    },
  );

test("takes one Redis, Sentinel and Cluster", () => {
  const sentinel = {
    CHAT_REDIS_SENTINELS: "a:26379,b:26379",
    CHAT_REDIS_SENTINEL_MASTER: "chat",
    CHAT_REDIS_SENTINEL_PASSWORD: "hidden",
    CHAT_REDIS_SENTINEL_TLS: "true",
    CHAT_REDIS_USERNAME: "chat",
    CHAT_REDIS_PASSWORD: "hidden",
    CHAT_REDIS_TLS: "true",
  };
  assert.equal(loadChatConfig({ ...rest, ...sentinel }).redisSentinelTls, true);
  assert.equal(loadChatConfig({ ...rest, CHAT_REDIS_CLUSTER_NODES: "[::1]:1,b:2" }).redisClusterNodes, "[::1]:1,b:2");
  assert.equal(loadChatConfig({ ...rest, CHAT_REDIS_URL: "rediss://a:1" }).redisUrl, "rediss://a:1");
});

test("refuses what does not go together, by the variables' names and without their values", () => {
  const url = { CHAT_REDIS_URL: "redis://10.0.0.1:6379" };
  const sentinels = { CHAT_REDIS_SENTINELS: "10.0.0.1:26379" };
  const nodes = { CHAT_REDIS_CLUSTER_NODES: "10.0.0.1:6379" };
  refused({}, /CHAT_REDIS_URL or CHAT_REDIS_SENTINELS or CHAT_REDIS_CLUSTER_NODES is required/);
  refused({ ...url, ...nodes }, /CHAT_REDIS_URL and CHAT_REDIS_CLUSTER_NODES exclude each other/);
  refused({ ...url, ...sentinels, CHAT_REDIS_SENTINEL_MASTER: "m" }, /CHAT_REDIS_URL and CHAT_REDIS_SENTINELS exclude/);
  refused(sentinels, /CHAT_REDIS_SENTINEL_MASTER is required with CHAT_REDIS_SENTINELS/);
  refused({ ...nodes, CHAT_REDIS_SENTINEL_MASTER: "m" }, /CHAT_REDIS_SENTINEL_MASTER needs CHAT_REDIS_SENTINELS/);
  refused({ ...url, CHAT_REDIS_SENTINEL_PASSWORD: "hidden" }, /CHAT_REDIS_SENTINEL_PASSWORD needs/);
  refused({ ...nodes, CHAT_REDIS_USERNAME: "hidden" }, /CHAT_REDIS_USERNAME needs CHAT_REDIS_PASSWORD/);
  refused({ ...url, CHAT_REDIS_TLS: "true" }, /CHAT_REDIS_TLS is said by rediss/);
  refused({ CHAT_REDIS_CLUSTER_NODES: "10.0.0.1:70000" }, /CHAT_REDIS_CLUSTER_NODES has a port that is none/);
  refused({ CHAT_REDIS_SENTINELS: "10.0.0.1" }, /CHAT_REDIS_SENTINELS/);
  refused({ CHAT_REDIS_CLUSTER_NODES: "redis://10.0.0.1:6379" }, /CHAT_REDIS_CLUSTER_NODES/);
  refused({ CHAT_REDIS_URL: "redis://hidden:pass word@:x" }, /CHAT_REDIS_URL is not a URL/);
});
