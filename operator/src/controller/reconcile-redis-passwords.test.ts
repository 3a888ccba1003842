import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@chatcluster/foundation/errors";
import type { RedisAccess } from "../resource/redis-access.ts";
import { sampleCluster } from "../testing/sample.ts";
import type { ConcernContext } from "./dependencies.ts";
import type { PodObject } from "./pods.ts";
import { RedisPasswordsReconciler } from "./reconcile-redis-passwords.ts";
import type { Credentials } from "./reconcile-secrets.ts";

const cluster = sampleCluster();

function redisPod(uid: string, restartCount: number, ready = true): PodObject {
  const labels = {
    "app.kubernetes.io/name": "chatcluster",
    "app.kubernetes.io/instance": "sample",
    "app.kubernetes.io/component": "redis",
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "sample-redis-0", namespace: "default", uid, labels },
    status: {
      podIP: "192.0.2.1",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: [{ name: "redis", restartCount }],
    },
  };
}

/** A single Redis, and what it was told. */
function play() {
  const told: (readonly unknown[])[] = [];
  const state = { pods: [redisPod("one", 0)], isAway: false };
  const context = {
    informers: { pods: { byIndex: () => state.pods } },
    redisPasswords: {
      async set(_place: unknown, _member: unknown, { accepted }: RedisAccess) {
        if (state.isAway) throw new CodedError("redis_unreachable", "pod sample-redis-0 does not answer");
        told.push(accepted);
      },
    },
  } as unknown as ConcernContext;
  const reconciler = new RedisPasswordsReconciler();
  const look = (texts: Record<string, string>) => {
    const { password = "", "next-password": next } = texts;
    const accepted = next === undefined ? ([password] as const) : ([password, next] as const);
    const rotating = new Map([["sample-redis", { keys: ["password"], texts }]]);
    const credentials = { redis: { mode: "standalone", accepted }, rotating } as unknown as Credentials;
    return reconciler.reconcile(context, cluster, credentials);
  };
  return { told, state, look };
}

const ROTATED = { password: "b", "rotated-at": "2026-01-01T00:00:00Z" };

test("before the first rotation nobody is told: each has but ever read the one file", async () => {
  const { told, look } = play();
  assert.deepEqual(await look({ password: "a" }), { applied: true });
  assert.deepEqual(told, []);
});

test("a server is told once, and again when the passwords are others, when it has started anew or is another", async () => {
  const { told, state, look } = play();
  for (const texts of [{ password: "a", "next-password": "b" }, ROTATED, ROTATED]) await look(texts);
  assert.deepEqual(told, [["a", "b"], ["b"]]);
  for (const pod of [redisPod("one", 1), redisPod("two", 0)]) {
    state.pods = [pod];
    assert.deepEqual(await look(ROTATED), { applied: true });
    await look(ROTATED);
  }
  assert.deepEqual(told.slice(2), [["b"], ["b"]]);
});

test("it is not done while a server is missing, not ready or refuses, and the refusal is named", async () => {
  const { told, state, look } = play();
  state.pods = [];
  assert.deepEqual(await look(ROTATED), { applied: false });
  state.pods = [redisPod("one", 0, false)];
  assert.deepEqual(await look(ROTATED), { applied: false });
  state.pods = [redisPod("one", 0)];
  state.isAway = true;
  const { applied, problem } = await look(ROTATED);
  assert.deepEqual([applied, problem?.reason], [false, "PasswordsNotApplied"]);
  assert.match(problem?.message ?? "", /sample-redis-0/);
  assert.deepEqual(told, []);
  state.isAway = false;
  assert.deepEqual(await look(ROTATED), { applied: true });
});
