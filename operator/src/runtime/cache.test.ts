import assert from "node:assert/strict";
import { test } from "node:test";
import { Cache } from "./cache.ts";
import { compareResourceVersions } from "./resource-version.ts";
import { configMap } from "./testing/api.ts";

const at = (name: string, resourceVersion: string, metadata: object = {}) =>
  configMap(name, {}, { resourceVersion, ...metadata });

test("an older version never takes the place of a newer one", () => {
  const cache = new Cache();
  cache.upsert(at("a", "100"));
  assert.equal(cache.upsert(at("a", "99")), undefined);
  assert.equal(cache.upsert(at("a", "100")), undefined);
  assert.equal(cache.remove(at("a", "99")), undefined);
  assert.equal(cache.upsert(at("a", "1000"))?.before?.metadata.resourceVersion, "100");
});

test("a list tells what came, changed and went, and keeps what was written after it", () => {
  const cache = new Cache();
  for (const object of [at("same", "1"), at("changed", "2"), at("gone", "3"), at("written-since", "20")])
    cache.upsert(object);
  const changes = cache.replace(undefined, [at("same", "1"), at("changed", "7"), at("new", "8")], "10");
  const told = changes.map(({ before, after }) => [before?.metadata.name, after?.metadata.name]);
  assert.deepEqual(told, [
    ["gone", undefined],
    ["changed", "changed"],
    [undefined, "new"],
  ]);
  assert.equal(cache.get("default/gone"), undefined);
  assert.ok(cache.get("default/written-since"));
});

test("a list of one namespace leaves the others alone", () => {
  const cache = new Cache();
  cache.upsert(at("a", "1"));
  cache.upsert(at("b", "2", { namespace: "other" }));
  cache.replace("other", [], "5");
  assert.deepEqual(
    cache.list().map(({ metadata }) => metadata.name),
    ["a"],
  );
  assert.deepEqual(cache.list("other"), []);
});

test("an index follows additions, changes and deletions, also when it is added late", () => {
  const cache = new Cache();
  cache.upsert(at("a", "1", { labels: { team: "red" } }));
  cache.addIndex("team", ({ metadata }) => Object.values(metadata.labels ?? {}));
  cache.upsert(at("b", "2", { labels: { team: "red" } }));
  const names = (team: string) => cache.byIndex("team", team).map(({ metadata }) => metadata.name);
  assert.deepEqual(names("red"), ["a", "b"]);
  cache.upsert(at("a", "3", { labels: { team: "blue" } }));
  cache.remove(at("b", "4"));
  assert.deepEqual([names("red"), names("blue")], [[], ["a"]]);
  assert.throws(() => cache.byIndex("colour", "red"), { code: "unknown_index" });
});

test("resourceVersions are ordered as whole numbers of any length", () => {
  assert.ok((compareResourceVersions("9", "10") ?? 0) < 0);
  assert.ok((compareResourceVersions("18446744073709551616", "18446744073709551615") ?? 0) > 0);
  assert.equal(compareResourceVersions("7", "7"), 0);
  assert.equal(compareResourceVersions("7", "abc"), undefined);
  assert.equal(compareResourceVersions(undefined, "7"), undefined);
});
