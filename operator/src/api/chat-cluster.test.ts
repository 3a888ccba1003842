import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChatCluster } from "./chat-cluster.ts";

const stored = {
  apiVersion: "chatcluster.dev/v1beta1",
  kind: "ChatCluster",
  metadata: { name: "sample", namespace: "default", uid: "u", generation: 3 },
};

test("what was stored before a field existed gets the field's default, and the cache's object stays as it was", () => {
  const object = { ...stored, spec: { servers: { min: 3 } } };
  const { spec } = parseChatCluster(object);
  assert.equal(spec.servers.min, 3);
  assert.equal(spec.servers.stabilizationSeconds, 300);
  assert.deepEqual(object.spec, { servers: { min: 3 } });
});

test("what was stored under a looser schema is named by its field", () => {
  assert.throws(() => parseChatCluster({ ...stored, spec: { servers: { min: "three" } } }), {
    code: "invalid_chat_cluster",
    message: /default\/sample: spec\.servers\.min/,
  });
});
