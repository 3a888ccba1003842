import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleCluster, sampleImages } from "../testing/sample.ts";
import { chatObjects } from "./chat.ts";

type Env = { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } };

function deployment(spec: Record<string, unknown> = {}, replicas = 2) {
  const found = chatObjects(sampleCluster(spec), sampleImages, replicas).find(({ kind }) => kind === "Deployment");
  assert.ok(found);
  return found as typeof found & {
    spec: {
      replicas: number;
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

test("the same spec renders the same objects: nothing depends on time or chance", () => {
  const first = JSON.stringify(chatObjects(sampleCluster(), sampleImages, 2));
  assert.equal(JSON.stringify(chatObjects(sampleCluster(), sampleImages, 2)), first);
});
