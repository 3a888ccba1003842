import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleCluster, sampleImages } from "../testing/sample.ts";
import { chatObjects } from "./chat.ts";

type Env = {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string; optional?: boolean } };
};

function deployment(spec: Record<string, unknown> = {}, replicas = 2) {
  const found = chatObjects(sampleCluster(spec), sampleImages, replicas).find(({ kind }) => kind === "Deployment");
  assert.ok(found);
  return found as typeof found & {
    spec: {
      replicas: number;
      strategy: { rollingUpdate: { maxSurge: number; maxUnavailable: number } };
      template: { spec: { terminationGracePeriodSeconds: number; containers: { env: Env[] }[] } };
    };
  };
}

function environment(spec: Record<string, unknown> = {}): Map<string, Env> {
  const env = deployment(spec).spec.template.spec.containers[0]?.env ?? [];
  return new Map(env.map((each) => [each.name, each]));
}

test("the server is told where its stores are, and its secrets only by reference", () => {
  const env = environment({ cassandra: { datacenter: "eu", nodes: 3, replicationFactor: 3 } });
  assert.equal(env.get("CHAT_BACKEND")?.value, "cluster");
  assert.equal(env.get("CHAT_REDIS_URL")?.value, "redis://sample-redis:6379");
  assert.equal(env.get("CHAT_CASSANDRA_CONTACT_POINTS")?.value, "sample-cassandra:9042");
  assert.equal(env.get("CHAT_CASSANDRA_REPLICATION")?.value, "eu:3");
  for (const name of ["CHAT_REDIS_PASSWORD", "CHAT_CASSANDRA_PASSWORD", "CHAT_JWT_SECRET", "CHAT_ADMIN_TOKEN"]) {
    assert.equal(env.get(name)?.value, undefined, name);
    assert.ok(env.get(name)?.valueFrom?.secretKeyRef, name);
  }
  const names = [...env.keys()];
  assert.ok(names.indexOf("POD_IP") < names.indexOf("CHAT_ADVERTISED_ADDRESS"), "only earlier variables are expanded");
});

const valuesOf = (env: Map<string, Env>) =>
  Object.fromEntries(
    [...env.values()]
      .filter(({ name }) => name.startsWith("CHAT_REDIS"))
      .map(({ name, value, valueFrom }) => [name, value ?? valueFrom?.secretKeyRef]),
  );

test("with replicas the server asks the sentinels for Redis, as a user of its own at both", () => {
  const password = { name: "sample-redis", key: "password" };
  assert.deepEqual(valuesOf(environment({ redis: { mode: "sentinel", replicas: 2 } })), {
    CHAT_REDIS_SENTINELS: "sample-sentinel-0:26379,sample-sentinel-1:26379,sample-sentinel-2:26379",
    CHAT_REDIS_SENTINEL_MASTER: "chat",
    CHAT_REDIS_SENTINEL_USERNAME: "chat",
    CHAT_REDIS_SENTINEL_PASSWORD: password,
    CHAT_REDIS_USERNAME: "chat",
    CHAT_REDIS_PASSWORD: password,
  });
});

test("a Redis of the user is passed on as it is given, with its logins from the user's Secrets", () => {
  const external = (spec: Record<string, unknown>) =>
    valuesOf(environment({ redis: { mode: "external", external: spec } }));
  const login = (name: string) => [
    { name, key: "username", optional: true },
    { name, key: "password" },
  ];
  assert.deepEqual(external({ url: "rediss://cache.example:6380" }), { CHAT_REDIS_URL: "rediss://cache.example:6380" });
  const [username, password] = login("nodes");
  assert.deepEqual(external({ clusterNodes: ["a:6379", "b:6379"], secretName: "nodes", tls: true }), {
    CHAT_REDIS_CLUSTER_NODES: "a:6379,b:6379",
    CHAT_REDIS_TLS: "true",
    CHAT_REDIS_USERNAME: username,
    CHAT_REDIS_PASSWORD: password,
  });
  const [sentinelUsername, sentinelPassword] = login("watchers");
  const sentinels = { addresses: ["s:26379"], master: "main", secretName: "watchers", tls: true };
  assert.deepEqual(external({ sentinels }), {
    CHAT_REDIS_SENTINELS: "s:26379",
    CHAT_REDIS_SENTINEL_MASTER: "main",
    CHAT_REDIS_SENTINEL_TLS: "true",
    CHAT_REDIS_SENTINEL_USERNAME: sentinelUsername,
    CHAT_REDIS_SENTINEL_PASSWORD: sentinelPassword,
  });
});

test("with a key set no shared key is mounted; with a Secret of the user, that one", () => {
  const jwks = environment({ auth: { jwksUrl: "https://id.example/keys", issuer: "me", audience: "chat" } });
  assert.equal(jwks.has("CHAT_JWT_SECRET"), false);
  assert.equal(jwks.get("CHAT_JWKS_URL")?.value, "https://id.example/keys");
  assert.equal(jwks.get("CHAT_JWT_ISSUER")?.value, "me");
  const own = environment({ auth: { secretName: "own" } });
  assert.deepEqual(own.get("CHAT_JWT_SECRET")?.valueFrom?.secretKeyRef, { name: "own", key: "jwt-secret" });
});

test("the pod lives long enough to drain", () => {
  const { spec } = deployment({ servers: { drainSeconds: 120 } }).spec.template;
  assert.ok(spec.terminationGracePeriodSeconds > 120);
});

test("a roll starts as many servers as the spec says, and no server goes before its successor is ready", () => {
  const surge = (spec = {}) => deployment(spec).spec.strategy.rollingUpdate;
  assert.deepEqual(surge(), { maxSurge: 1, maxUnavailable: 0 });
  assert.deepEqual(surge({ servers: { surge: 3 } }), { maxSurge: 3, maxUnavailable: 0 });
});

test("the servers are rolled when their logins are others; before the first rotation nothing tells of them", () => {
  const template = (passwords?: string) => {
    const objects = chatObjects(sampleCluster(), sampleImages, 2, [], passwords);
    const found = objects.find(({ kind }) => kind === "Deployment") as { spec?: { template: { metadata: object } } };
    return found.spec?.template.metadata as { annotations?: Record<string, string> };
  };
  assert.equal(template().annotations, undefined);
  assert.deepEqual(template("digest").annotations, { "chatcluster.dev/passwords": "digest" });
});

test("the same spec renders the same objects: nothing depends on time or chance", () => {
  const first = JSON.stringify(chatObjects(sampleCluster(), sampleImages, 2));
  assert.equal(JSON.stringify(chatObjects(sampleCluster(), sampleImages, 2)), first);
});

const PUSH = {
  apns: {
    secretName: "apple",
    keyId: "ABCDE12345",
    teamId: "TEAM123456",
    topic: "app.example",
    environment: "sandbox",
  },
  fcm: { secretName: "google", key: "account.json" },
  webPush: { secretName: "vapid", publicKey: `B${"a".repeat(86)}`, subject: "mailto:chat@example.com" },
};

test("keys of push services are files, of those services only whose Secrets are there", () => {
  const cluster = sampleCluster({ push: { ...PUSH, includeText: false } });
  const pod = (push?: readonly ("apns" | "fcm" | "webPush")[]) => {
    const found = chatObjects(cluster, sampleImages, 2, push).find(({ kind }) => kind === "Deployment");
    assert.ok(found);
    const { template } = found.spec as { template: { spec: { volumes?: object[]; containers: PodContainer[] } } };
    const [container] = template.spec.containers;
    const texts = Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
    return { texts, volumes: template.spec.volumes, mounts: container?.volumeMounts };
  };
  const all = pod();
  assert.equal(all.texts.CHAT_APNS_KEY_FILE, "/etc/chatcluster/push/apns/key.p8");
  assert.equal(all.texts.CHAT_APNS_URL, "https://api.sandbox.push.apple.com");
  assert.equal(all.texts.CHAT_FCM_SERVICE_ACCOUNT_FILE, "/etc/chatcluster/push/fcm/account.json");
  assert.equal(all.texts.CHAT_WEBPUSH_PRIVATE_KEY_FILE, "/etc/chatcluster/push/webpush/private-key");
  assert.equal(all.texts.CHAT_PUSH_INCLUDE_TEXT, "false");
  assert.deepEqual(all.mounts?.[1], { name: "push-fcm", mountPath: "/etc/chatcluster/push/fcm", readOnly: true });
  const items = [{ key: "account.json", path: "account.json" }];
  assert.deepEqual(all.volumes?.[1], { name: "push-fcm", secret: { secretName: "google", items } });
  const one = pod(["fcm"]);
  assert.equal(one.texts.CHAT_APNS_KEY_ID, undefined);
  assert.equal(one.volumes?.length, 1);
});

interface PodContainer {
  env: Env[];
  volumeMounts?: object[];
}

test("limits and the dashboard are passed where the spec says them, else the pods are those of an older operator", () => {
  const names = [...environment().keys()];
  assert.deepEqual(
    names.filter((name) =>
      /PUSH|DASHBOARD|PER_USER|PER_SECOND|BUFFERED|LENGTH|OFFLINE|DATA|MEMBERS|SUBSCRIPTIONS/.test(name),
    ),
    [],
  );
  const limits = {
    maxConnectionsPerUser: 5,
    connectionsPerSecond: 500,
    messagesPerSecond: 10,
    maxTextLength: 1_000,
    maxDataBytes: 2_000,
    maxMembers: 50,
    maxSubscriptions: 7,
    maxBufferedBytes: 65_536,
    logLength: 200,
    offlineLimit: 300,
  };
  const env = environment({ limits, dashboard: "token" });
  const expected = {
    CHAT_MAX_CONNECTIONS_PER_USER: "5",
    CHAT_CONNECTIONS_PER_SECOND: "500",
    CHAT_MESSAGES_PER_SECOND: "10",
    CHAT_MAX_TEXT_LENGTH: "1000",
    CHAT_MAX_DATA_BYTES: "2000",
    CHAT_MAX_MEMBERS: "50",
    CHAT_MAX_SUBSCRIPTIONS: "7",
    CHAT_MAX_BUFFERED_BYTES: "65536",
    CHAT_LOG_LENGTH: "200",
    CHAT_OFFLINE_LIMIT: "300",
    CHAT_DASHBOARD: "token",
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(env.get(name)?.value, value, name);
});
