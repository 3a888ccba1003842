import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubernetesObject } from "../runtime/object.ts";
import { endpointsOf } from "./endpoints.ts";

function slice(endpoints: unknown, change: Record<string, unknown> = {}): KubernetesObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "sample-chat-abcde", namespace: "default" },
    addressType: "IPv4",
    ports: [
      { name: "admin", port: 9090 },
      { name: "chat", port: 8080 },
    ],
    endpoints,
    ...change,
  };
}

const pod = (name: string, address: string, conditions: unknown = { ready: true }) => ({
  addresses: [address],
  conditions,
  targetRef: { kind: "Pod", name },
});

test("pods become servers, sorted, on the port of that name", () => {
  assert.deepEqual(endpointsOf([slice([pod("b", "10.0.0.2")]), slice([pod("a", "10.0.0.1")])], "chat"), [
    { name: "a", address: "10.0.0.1", port: 8080, accepting: true },
    { name: "b", address: "10.0.0.2", port: 8080, accepting: true },
  ]);
});

test("only what is ready and not terminating takes new connections; unknown is ready", () => {
  const accepting = (conditions: unknown) =>
    endpointsOf([slice([pod("a", "10.0.0.1", conditions)])], "chat")[0]?.accepting;
  assert.equal(accepting({ ready: false }), false);
  assert.equal(accepting({ ready: true, terminating: true }), false);
  assert.equal(accepting({ ready: null }), true);
  assert.equal(accepting({}), true);
});

test("an endpoint in two slices is one, and accepts if either says so", () => {
  const slices = [slice([pod("a", "10.0.0.1", { ready: false })]), slice([pod("a", "10.0.0.1")])];
  assert.deepEqual(
    endpointsOf(slices, "chat").map(({ accepting }) => accepting),
    [true],
  );
});

test("a dual-stack pod is one server, by its IPv4 address; a former address of a pod does not win", () => {
  const six = slice([pod("a", "fd00::1")], { addressType: "IPv6" });
  assert.deepEqual(
    endpointsOf([six, slice([pod("a", "10.0.0.1")])], "chat").map(({ address }) => address),
    ["10.0.0.1"],
  );
  const moved = [slice([pod("a", "10.0.0.1", { ready: false, terminating: true })]), slice([pod("a", "10.0.0.9")])];
  assert.deepEqual(
    endpointsOf(moved, "chat").map(({ address }) => address),
    ["10.0.0.9"],
  );
});

test("an endpoint without a pod is named by its address; empty slices are empty", () => {
  assert.equal(endpointsOf([slice([{ addresses: ["10.0.0.1"] }])], "chat")[0]?.name, "10-0-0-1");
  assert.deepEqual(endpointsOf([slice(null, { ports: null })], "chat"), []);
});

test("what is not an EndpointSlice, or would smuggle something into a command, is refused by name", () => {
  for (const wrong of [
    slice([pod("a b", "10.0.0.1")]),
    slice([pod("a", "10.0.0.1; shutdown frontend http")]),
    slice([{ addresses: [] }]),
    slice([], { addressType: "FQDN" }),
  ]) {
    assert.throws(() => endpointsOf([wrong], "chat"), {
      code: "invalid_endpoint_slice",
      message: /default\/sample-chat-abcde/,
    });
  }
});
