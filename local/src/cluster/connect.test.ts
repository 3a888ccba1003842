import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { containerOf } from "./connect.ts";

describe("the container of a pod", () => {
  const pod = (...containers: { name: string; containerID?: string }[]) => ({
    spec: { nodeName: "chatcluster-1" },
    status: { containerStatuses: containers },
  });

  it("is found by its name, or when it is the only one", () => {
    const two = pod(
      { name: "haproxy", containerID: "containerd://aa" },
      { name: "agent", containerID: "containerd://bb" },
    );
    assert.deepEqual(containerOf(two, "agent"), { node: "chatcluster-1", id: "bb" });
    assert.deepEqual(containerOf(pod({ name: "chat", containerID: "containerd://cc" })), {
      node: "chatcluster-1",
      id: "cc",
    });
  });

  it("is not guessed", () => {
    assert.equal(
      containerOf(pod({ name: "a", containerID: "containerd://a" }, { name: "b", containerID: "containerd://b" })),
      undefined,
    );
    assert.equal(containerOf(pod({ name: "a" })), undefined);
    assert.equal(containerOf(pod({ name: "a", containerID: "containerd://a" }), "b"), undefined);
    assert.equal(containerOf({}), undefined);
  });
});
