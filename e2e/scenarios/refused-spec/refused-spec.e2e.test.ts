import assert from "node:assert/strict";
import { before, test } from "node:test";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";

let cluster: Cluster;
before(async () => {
  cluster = await clusterIsUp();
});

const wrong = [
  { what: "more minimum than maximum", spec: { servers: { min: 5, max: 2 } }, field: /spec\.servers\.min/ },
  {
    what: "more copies than nodes",
    spec: { cassandra: { nodes: 1, replicationFactor: 3 } },
    field: /spec\.cassandra\.replicationFactor/,
  },
  { what: "a text for a number", spec: { servers: { min: "two" } }, field: /spec\.servers\.min/ },
  { what: "an unknown retention", spec: { retention: { volumes: "Perhaps" } }, field: /spec\.retention\.volumes/ },
  {
    what: "two sources of keys",
    spec: { auth: { secretName: "a", jwksUrl: "https://example.com/jwks" } },
    field: /spec\.auth/,
  },
];

for (const { what, spec, field } of wrong) {
  test(`the API server refuses ${what} and names the field`, async () => {
    const manifest = JSON.stringify({
      apiVersion: "chatcluster.dev/v1beta1",
      kind: "ChatCluster",
      metadata: { name: "wrong" },
      spec,
    });
    await assert.rejects(cluster.kubectl.run(["apply", "-f", "-"], manifest), field);
  });
}

test("a volume cannot be shrunk", async () => {
  const patch = JSON.stringify({ spec: { cassandra: { storage: { size: "1Mi" } } } });
  await assert.rejects(
    cluster.kubectl.run(["patch", "chatcluster", "sample", "--type=merge", "-p", patch]),
    /spec\.cassandra\.storage\.size/,
  );
});
