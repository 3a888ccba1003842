import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeView, RingMember } from "./node-view.ts";
import { notUpAndNormal, peersToAsk } from "./readiness.ts";

function member(hostId: string, over: Partial<RingMember> = {}): RingMember {
  return { hostId, endpoint: `10.0.0.${hostId}:7000`, up: true, state: "normal", ...over };
}

function view(hostId: string, over: Partial<NodeView> = {}): NodeView {
  return {
    hostId,
    mode: "NORMAL",
    gossip: true,
    nativeTransport: true,
    ring: [member("1"), member("2"), member("3")],
    loadBytes: 1,
    disk: { totalBytes: 2, freeBytes: 1 },
    ...over,
  };
}

test("a node that says so itself and that all others see so is up and normal", () => {
  assert.equal(notUpAndNormal(view("1"), [view("2"), view("3")]), undefined);
});

test("a node that is not in order by its own word is not", () => {
  assert.match(notUpAndNormal(view("1", { mode: "JOINING" }), []) ?? "", /JOINING/);
  assert.match(notUpAndNormal(view("1", { mode: "DRAINED" }), []) ?? "", /DRAINED/);
  assert.match(notUpAndNormal(view("1", { gossip: false }), []) ?? "", /gossip/);
  assert.match(notUpAndNormal(view("1", { nativeTransport: false }), []) ?? "", /CQL/);
  assert.match(notUpAndNormal(view("1", { ring: [member("2")] }), []) ?? "", /its own ring/);
});

test("one other node that sees it otherwise is enough to say no", () => {
  const others = (over: Partial<RingMember>) => [view("3"), view("2", { ring: [member("1", over), member("2")] })];
  assert.match(notUpAndNormal(view("1"), others({ up: false })) ?? "", /node 2 sees it down/);
  assert.match(notUpAndNormal(view("1"), others({ state: "leaving" })) ?? "", /leaving/);
  assert.match(notUpAndNormal(view("1"), others({ endpoint: "10.0.0.9:7000" })) ?? "", /old address 10\.0\.0\.9/);
  assert.match(notUpAndNormal(view("1"), [view("2", { ring: [member("2")] })]) ?? "", /does not know it/);
});

test("a node that sees nobody is believed: the first one after an outage must get ready before the next is started", () => {
  const alone = view("1", { ring: [member("1"), member("2", { up: false }), member("3", { up: false })] });
  assert.deepEqual(peersToAsk(alone, 3), []);
  assert.equal(notUpAndNormal(alone, []), undefined);
});

test("asked are others that are up and have joined, a few of them", () => {
  const ring = [member("1"), member("2", { up: false }), member("3", { state: "joining" }), member("4"), member("5")];
  assert.deepEqual(peersToAsk(view("1", { ring }), 3), ["10.0.0.4", "10.0.0.5"]);
  assert.deepEqual(peersToAsk(view("1", { ring }), 1), ["10.0.0.4"]);
});
