import assert from "node:assert/strict";
import { test } from "node:test";
import { difference } from "./contains.ts";

const live = {
  spec: { servers: { min: 2, max: 4 } },
  status: {
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Degraded", status: "False", reason: "AsExpected" },
    ],
  },
};

test("an object has what is expected of it, whatever else it has", () => {
  assert.equal(difference(live, { spec: { servers: { min: 2 } } }), undefined);
  assert.equal(difference(live, { status: { conditions: [{ type: "Degraded", reason: "AsExpected" }] } }), undefined);
});

test("a difference is told with its path", () => {
  assert.equal(difference(live, { spec: { servers: { min: 3 } } }), "spec.servers.min is 2, not 3");
  assert.equal(difference(live, { spec: { redis: { mode: "x" } } }), 'spec.redis.mode is undefined, not "x"');
  const wrong = { status: { conditions: [{ type: "Ready", status: "False" }] } };
  assert.match(
    difference(live, wrong) ?? "",
    /^status\.conditions has nothing with \{"type":"Ready","status":"False"\}/,
  );
});
