import assert from "node:assert/strict";
import { test } from "node:test";
import { overlayPodTemplate } from "./pod-template-overlay.ts";

const workload = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "sample-chat" },
  spec: {
    replicas: 2,
    template: {
      metadata: { labels: { app: "chat" } },
      spec: {
        containers: [{ name: "chat", image: "chat:1", env: [{ name: "CHAT_PORT", value: "8080" }], args: ["a"] }],
        terminationGracePeriodSeconds: 45,
      },
    },
  },
};

function overlaid(overlay: Parameters<typeof overlayPodTemplate>[1]) {
  return (overlayPodTemplate(workload, overlay).spec as typeof workload.spec).template;
}

test("containers and variables are merged by name, other lists replaced, others' containers added", () => {
  const { spec } = overlaid({
    spec: {
      tolerations: [{ key: "chat" }],
      containers: [
        { name: "chat", env: [{ name: "EXTRA", value: "1" }], args: ["b"] },
        { name: "sidecar", image: "proxy:1" },
      ],
    },
  });
  assert.deepEqual(spec, {
    containers: [
      {
        name: "chat",
        image: "chat:1",
        env: [
          { name: "CHAT_PORT", value: "8080" },
          { name: "EXTRA", value: "1" },
        ],
        args: ["b"],
      },
      { name: "sidecar", image: "proxy:1" },
    ],
    terminationGracePeriodSeconds: 45,
    tolerations: [{ key: "chat" }],
  });
});

test("the selector's labels stay ours", () => {
  assert.deepEqual(overlaid({ metadata: { labels: { app: "stolen", team: "x" } } }).metadata.labels, {
    app: "chat",
    team: "x",
  });
});

test("the rendered object is not changed", () => {
  const before = structuredClone(workload);
  overlaid({ spec: { containers: [{ name: "chat", image: "other" }] } });
  assert.deepEqual(workload, before);
});
