import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp, manifestOf } from "../../support/cluster.ts";

const NAMESPACE = "chatcluster-e2e";
const MINUTES = 60_000;
let cluster: Cluster;
before(async () => {
  cluster = await clusterIsUp();
  await cluster.kubectl.run(["create", "namespace", NAMESPACE]);
});
after(() => cluster.kubectl.run(["delete", "namespace", NAMESPACE, "--wait=true"]));

/** Everything namespaced that carries the ChatCluster's name, as `kind/name`. */
async function objectsOf(name: string): Promise<string[]> {
  const kinds = (await cluster.kubectl.run(["api-resources", "--verbs=list", "--namespaced", "-o", "name"]))
    .trim()
    .split("\n");
  // Events outlive what they tell of, by an hour, and metrics of pods are no objects.
  const kept = kinds.filter((kind) => !kind.startsWith("events") && !kind.endsWith("metrics.k8s.io"));
  const output = await cluster.kubectl.run([
    "get",
    kept.join(","),
    "-n",
    NAMESPACE,
    "-o",
    "name",
    "--ignore-not-found",
  ]);
  return output
    .split("\n")
    .filter((line) => line.includes(`/${name}-`) || line.includes(`-${name}-`) || line.endsWith(`/${name}`));
}

for (const { volumes, left } of [
  {
    volumes: "Keep",
    left: [
      "persistentvolumeclaim/data-keep-cassandra-0",
      "persistentvolumeclaim/data-keep-redis-0",
      "secret/keep-cassandra",
      "secret/keep-cassandra-admin",
    ],
  },
  { volumes: "Delete", left: [] },
]) {
  test(`deleting a ChatCluster whose volumes' policy is ${volumes} leaves ${left.length} objects: volumes and the passwords to them`, async (t) => {
    const name = volumes.toLowerCase();
    const manifest = await manifestOf(cluster, name, NAMESPACE, { retention: { volumes } });
    const create = async () => {
      const started = performance.now();
      await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(manifest));
      await cluster.kubectl.run([
        "wait",
        "-n",
        NAMESPACE,
        `chatcluster/${name}`,
        "--for=condition=Ready",
        "--timeout=240s",
      ]);
      t.diagnostic(`Ready ${((performance.now() - started) / 1_000).toFixed(1)} s after it was applied`);
    };
    await create();
    assert.ok((await objectsOf(name)).length > 15, "there is something to delete");

    await cluster.kubectl.run(["delete", "-n", NAMESPACE, "chatcluster", name, "--wait=true", "--timeout=60s"]);
    await until(async () => (await objectsOf(name)).length === left.length, "the rest is gone", 3 * MINUTES);
    assert.deepEqual((await objectsOf(name)).sort(), left);
    // Ready means that the old Cassandra has let the operator and the chat servers in.
    if (volumes === "Keep") await create();
  });
}
