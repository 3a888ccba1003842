import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { notReady } from "./node-status.ts";

describe("whether a node is Ready", () => {
  const node = (name: string, status: string, lastHeartbeatTime: string) => ({
    metadata: { name },
    status: { conditions: [{ type: "Ready", status, lastHeartbeatTime }] },
  });
  const long = new Date(0);

  it("is its condition Ready, and a node that is not there yet is not", () => {
    const list = { items: [node("a", "True", "2026-01-01T00:00:00Z"), node("b", "Unknown", "2026-01-01T00:00:00Z")] };
    assert.deepEqual(
      notReady(
        list,
        new Map([
          ["a", long],
          ["b", long],
          ["c", long],
        ]),
      ),
      ["b", "c"],
    );
  });

  it("must have been said after the kubelet was started", () => {
    const list = { items: [node("a", "True", "2026-01-01T00:00:10Z")] };
    assert.deepEqual(notReady(list, new Map([["a", new Date("2026-01-01T00:00:10.900Z")]])), []);
    assert.deepEqual(notReady(list, new Map([["a", new Date("2026-01-01T00:00:11Z")]])), ["a"]);
  });
});
