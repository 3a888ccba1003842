import assert from "node:assert/strict";
import { test } from "node:test";
import { ordinalOf, searchDomain, seedsOf } from "./seeds.ts";

const among =
  (...ordinals: number[]) =>
  async (name: string) =>
    ordinals.some((ordinal) => name === `a-cassandra-${ordinal}.a-cassandra`);

const seeds = (ordinal: number, ...existing: number[]) =>
  seedsOf(`a-cassandra-${ordinal}`, "a-cassandra", among(...existing));

test("the seeds are the first other nodes that exist", async () => {
  assert.deepEqual(await seeds(1, 0, 1), ["a-cassandra-0.a-cassandra"]);
  assert.deepEqual(
    await seeds(7, 0, 1, 2, 3, 4, 5, 6, 7),
    [0, 1, 2].map((ordinal) => `a-cassandra-${ordinal}.a-cassandra`),
  );
});

test("no node is a seed of its own while there are others, the first neither: with a new volume it must stream its data", async () => {
  assert.deepEqual(
    await seeds(0, 0, 1, 2),
    [1, 2].map((ordinal) => `a-cassandra-${ordinal}.a-cassandra`),
  );
});

test("the very first finds none", async () => {
  assert.deepEqual(await seeds(0), []);
  assert.deepEqual(await seeds(0, 0), []);
});

test("a failed look-up is no absence: else a node with an empty volume would make a ring of its own", async () => {
  const failing = () => Promise.reject(new Error("EAI_AGAIN"));
  await assert.rejects(seedsOf("a-cassandra-0", "a-cassandra", failing), /EAI_AGAIN/);
});

test("the namespace's own domain is found, whatever the cluster's is", () => {
  const text = (search: string) => `nameserver 10.96.0.10\n${search}\noptions ndots:5\n`;
  assert.equal(
    searchDomain(text("search ns.svc.cluster.local svc.cluster.local cluster.local")),
    "ns.svc.cluster.local",
  );
  assert.equal(searchDomain(text("search corp.example ns.svc.k8s.corp svc.k8s.corp")), "ns.svc.k8s.corp");
  assert.throws(() => searchDomain(text("search corp.example")), RangeError);
});

test("a pod of no StatefulSet is refused", () => {
  assert.equal(ordinalOf("a-b-12"), 12);
  assert.throws(() => ordinalOf("cassandra"), RangeError);
});
