import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { startApiServer } from "@chatcluster/local/services";
import { parse } from "yaml";
import { CHARTS } from "../src/generated-files.ts";
import { helm, install, kubectl, lint, template } from "./helm.ts";
import { type ChatCluster, type Manifest, only } from "./manifest.ts";

const api = await startApiServer();
after(() => api.stop());
const { kubeconfigFile } = api;

const CRD = ["get", "crd", "chatclusters.chatcluster.dev", "-o"];

async function kube(...args: string[]): Promise<string> {
  return kubectl(kubeconfigFile, args);
}

async function get<Kind extends Manifest>(...args: string[]): Promise<Kind> {
  return JSON.parse(await kube("get", "-o", "json", ...args)) as Kind;
}

test("the operator's chart installs, and a second time changes nothing", async () => {
  await install("chatcluster-operator", "chatcluster-operator", "chatcluster-system", kubeconfigFile);
  await kube("wait", "--for=condition=Established", "--timeout=30s", "crd/chatclusters.chatcluster.dev");
  const first = await get("-n", "chatcluster-system", "deployment", "chatcluster-operator");
  await install("chatcluster-operator", "chatcluster-operator", "chatcluster-system", kubeconfigFile);
  const second = await get("-n", "chatcluster-system", "deployment", "chatcluster-operator");
  assert.equal(second.metadata.generation, first.metadata.generation);
});

test("its pods pass the restricted Pod Security level", async () => {
  await kube("create", "namespace", "restricted");
  await kube("label", "namespace", "restricted", "pod-security.kubernetes.io/enforce=restricted");
  const deployment = only(await template("chatcluster-operator"), "Deployment");
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "operator" }, spec: deployment.spec.template.spec };
  const apply = (spec: unknown) =>
    kubectl(
      kubeconfigFile,
      ["-n", "restricted", "create", "--dry-run=server", "-f", "-"],
      JSON.stringify({ ...pod, spec }),
    );
  await apply(pod.spec);
  const { securityContext: _, ...loose } = pod.spec.containers[0];
  await assert.rejects(apply({ ...pod.spec, containers: [loose] }), /violates PodSecurity/);
});

test("the operator's service account may do what its work needs, and no more", async () => {
  const can = async (verb: string, what: string, namespace: string) => {
    const [resource = "", subresource] = what.split("/");
    const part = subresource === undefined ? [] : [`--subresource=${subresource}`];
    const account = "--as=system:serviceaccount:chatcluster-system:chatcluster-operator";
    const answer = await kube("auth", "can-i", verb, resource, ...part, "-n", namespace, account).catch(
      (error: { stdout: string }) => error.stdout,
    );
    return answer.trim();
  };
  assert.equal(await can("patch", "statefulsets.apps", "anywhere"), "yes");
  assert.equal(await can("patch", "chatclusters.chatcluster.dev/status", "anywhere"), "yes");
  assert.equal(await can("create", "leases.coordination.k8s.io", "chatcluster-system"), "yes");
  assert.equal(await can("create", "leases.coordination.k8s.io", "anywhere"), "no");
  assert.equal(await can("create", "pods", "anywhere"), "no");
  assert.equal(await can("create", "pods/exec", "anywhere"), "no");
  assert.equal(await can("create", "clusterroles.rbac.authorization.k8s.io", "anywhere"), "no");
  assert.equal(await can("delete", "chatclusters.chatcluster.dev", "anywhere"), "no");
});

test("an upgrade of the chart brings a changed CustomResourceDefinition along", async () => {
  await kube(
    "patch",
    "crd",
    "chatclusters.chatcluster.dev",
    "--type=json",
    '-p=[{"op":"remove","path":"/spec/names/shortNames"}]',
  );
  assert.equal(await kube(...CRD, "jsonpath={.spec.names.shortNames}"), "");
  await install("chatcluster-operator", "chatcluster-operator", "chatcluster-system", kubeconfigFile, {
    logLevel: "debug",
  });
  assert.equal(await kube(...CRD, "jsonpath={.spec.names.shortNames}"), '["chat"]');
});

test("the chatcluster chart is accepted with its defaults and as the local sample", async () => {
  await lint("chatcluster");
  await install("chatcluster", "plain", "default", kubeconfigFile);
  const values = parse(readFileSync(join(CHARTS, "chatcluster/values-local.yaml"), "utf8")) as Record<string, unknown>;
  await install("chatcluster", "sample", "default", kubeconfigFile, values);
  const sample = await get<ChatCluster>("chatcluster", "sample");
  assert.equal(sample.spec.servers.max, 4);
  assert.equal(sample.spec.ingress.service.nodePort, 30080);
  // A default of the API server, not of the chart.
  assert.equal(sample.spec.ingress.loadFactor, 125);
});

test("a wrong spec is refused with the field's name: by the schema, or by the API server's rules", async () => {
  const installing = (spec: unknown) => install("chatcluster", "wrong", "default", kubeconfigFile, { spec });
  await assert.rejects(
    installing({ servers: { minimum: 2 } }),
    /at '\/spec\/servers': additional properties 'minimum' not allowed/,
  );
  await assert.rejects(
    installing({ servers: { min: 9, max: 3 } }),
    /spec\.servers\.min must not be greater than spec\.servers\.max/,
  );
  await assert.rejects(installing({ cassandra: { replicationFactor: 3 } }), /spec\.cassandra\.replicationFactor/);
});

test("the name, labels and annotations are the user's", async () => {
  const values = { name: "team", labels: { team: "a" }, annotations: { "example.org/why": "test" } };
  const { metadata } = only(await template("chatcluster", values), "ChatCluster");
  assert.equal(metadata.name, "team");
  assert.equal(metadata.labels?.team, "a");
  assert.equal(metadata.annotations?.["example.org/why"], "test");
});

test("uninstalling the operator leaves the CustomResourceDefinition and every ChatCluster, and can be taken back", async () => {
  await helm(["uninstall", "chatcluster-operator", "--namespace", "chatcluster-system"], {}, kubeconfigFile);
  assert.equal((await kube("get", "chatclusters", "-o", "name")).trim().split("\n").length, 2);
  await assert.rejects(kube("-n", "chatcluster-system", "get", "deployment", "chatcluster-operator"), /NotFound/);
  await install("chatcluster-operator", "chatcluster-operator", "chatcluster-system", kubeconfigFile);
  await get("-n", "chatcluster-system", "deployment", "chatcluster-operator");
});
