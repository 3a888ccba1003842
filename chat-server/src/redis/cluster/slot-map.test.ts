import assert from "node:assert/strict";
import { test } from "node:test";
import { newest, readView, SLOTS } from "./slot-map.ts";

const info = (epoch: number, state = "ok") => `cluster_state:${state}\r\ncluster_current_epoch:${epoch}\r\n`;

test("reads which master has which slot", () => {
  const view = readView(
    info(7),
    [
      [0, 99, ["10.0.0.1", 6379, "id", []], ["10.0.0.9", 6379, "id", []]],
      [100, 16_382, ["", 6380, "id", []]],
    ],
    "asked.example",
  );
  assert.equal(view.epoch, 7);
  assert.equal(view.ok, true);
  assert.equal(view.masters.length, SLOTS);
  assert.equal(view.masters[99], "10.0.0.1:6379");
  assert.equal(view.masters[100], "asked.example:6380", "a node that does not know its address is where it was asked");
  assert.equal(view.masters[16_383], undefined);
});

test("what is no answer is refused", () => {
  assert.throws(() => readView("", [], "a"));
  assert.throws(() => readView(info(1), "OK", "a"));
  assert.throws(() => readView(info(1), [[0, 1, "10.0.0.1"]], "a"));
});

test("the newest view of those that see the whole cluster counts", () => {
  const view = (epoch: number, state?: string) => readView(info(epoch, state), [], "a");
  const [old, current, cutOff] = [view(4), view(6), view(9, "fail")];
  assert.equal(newest([old, cutOff, current]), current);
  assert.equal(newest([cutOff]), cutOff);
  assert.equal(newest([]), undefined);
});
