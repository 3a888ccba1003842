import assert from "node:assert/strict";
import { test } from "node:test";
import { findLostField } from "./field-ownership.ts";
import type { KubernetesObject } from "./object.ts";

const desired: KubernetesObject = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "a", labels: { team: "red" } },
  spec: {
    hostNetwork: false,
    dropped: undefined,
    containers: [{ name: "main", args: ["--one"], ports: [{ containerPort: 80 }] }],
    finalizers: ["x/y"],
  },
};

/** What the API server writes after an apply of `desired`, as seen on a real one. */
function applied(): Record<string, unknown> {
  const port = { ".": {}, "f:containerPort": {} };
  const container = {
    ".": {},
    "f:name": {},
    "f:args": {},
    "f:ports": { 'k:{"containerPort":80,"protocol":"TCP"}': port },
  };
  return {
    "f:metadata": { "f:labels": { "f:team": {} } },
    "f:spec": {
      "f:hostNetwork": {},
      "f:containers": { 'k:{"name":"main"}': container },
      "f:finalizers": { 'v:"x/y"': {} },
    },
  };
}

function lostIn(fieldsV1: Record<string, unknown>, entry: object = {}): string | undefined {
  const managedFields = [{ manager: "us", operation: "Apply" as const, fieldsV1, ...entry }];
  return findLostField(desired, { ...desired, metadata: { name: "a", managedFields } }, "us");
}

test("everything that was applied is owned: keyed and atomic lists, sets, defaulted keys, zero values", () => {
  assert.equal(lostIn(applied()), undefined);
});

test("a field that somebody else took is named by its path", () => {
  const main = 'f:containers/k:{"name":"main"}';
  const cases: [string, string][] = [
    ["spec.hostNetwork", "f:spec/f:hostNetwork"],
    ["spec.containers[0].args", `f:spec/${main}/f:args`],
    [
      "spec.containers[0].ports[0].containerPort",
      `f:spec/${main}/f:ports/k:{"containerPort":80,"protocol":"TCP"}/f:containerPort`,
    ],
    ["spec.finalizers", "f:spec/f:finalizers"],
    ["metadata.labels", "f:metadata"],
  ];
  for (const [path, taken] of cases) assert.equal(lostIn(without(applied(), taken.split("/"))), path);
});

test("an element that somebody else took is named by its position", () => {
  const owned = without(applied(), ["f:spec", "f:containers"]) as { "f:spec": object };
  const others = { 'k:{"name":"sidecar"}': { "f:name": {} } };
  assert.equal(lostIn({ ...owned, "f:spec": { ...owned["f:spec"], "f:containers": others } }), "spec.containers[0]");
  const values = { 'v:"other"': {} };
  const spec = (applied() as { "f:spec": object })["f:spec"];
  assert.equal(lostIn({ ...applied(), "f:spec": { ...spec, "f:finalizers": values } }), "spec.finalizers[0]");
});

test("fields that we own by an update, of a subresource, or as another manager do not count", () => {
  for (const entry of [{ operation: "Update" }, { subresource: "status" }, { manager: "them" }])
    assert.equal(lostIn(applied(), entry), "metadata.managedFields");
});

function without(owned: Record<string, unknown>, [first = "", ...rest]: string[]): Record<string, unknown> {
  const { [first]: taken, ...left } = owned;
  assert.ok(taken, `no ${first} to take`);
  return rest.length === 0 ? left : { ...left, [first]: without(taken as Record<string, unknown>, rest) };
}
