import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startApiServer } from "@chatcluster/local/services";
import { tool } from "@chatcluster/local/tools";
import { ControllerManager } from "./controller-manager.ts";
import { Pulumi } from "./pulumi.ts";

const api = await startApiServer();
const controllers = await ControllerManager.start(api.kubeconfigFile);
const pulumi = await Pulumi.start();
const kubectlPath = await tool("kubectl");
after(async () => {
  pulumi.stop();
  await controllers.stop();
  await api.stop();
});

const run = promisify(execFile);

const settings = {
  provider: "local",
  kubeconfig: api.kubeconfigFile,
  publicAddress: "127.0.0.1:8080",
  operator: { namespace: "chatcluster-system", keepCrds: false },
  chatCluster: { name: "sample", namespace: "default", spec: { servers: { min: 2, max: 4 } } },
};

/** All that the stack makes in the cluster, by kind. */
const MADE = [
  "namespaces/chatcluster-system",
  "customresourcedefinitions/chatclusters.chatcluster.dev",
  "clusterroles/chatcluster-system-chatcluster-operator",
  "clusterrolebindings/chatcluster-system-chatcluster-operator",
  "-n=chatcluster-system serviceaccounts/chatcluster-operator",
  "-n=chatcluster-system roles/chatcluster-operator-leader-election",
  "-n=chatcluster-system rolebindings/chatcluster-operator-leader-election",
  "-n=chatcluster-system deployments/chatcluster-operator",
  "-n=chatcluster-system poddisruptionbudgets/chatcluster-operator",
  "-n=chatcluster-system services/chatcluster-operator-metrics",
  "-n=default chatclusters/sample",
];

async function kubectl(...args: string[]): Promise<string> {
  return (await run(kubectlPath, ["--kubeconfig", api.kubeconfigFile, ...args])).stdout;
}

async function get(what: string, path: string): Promise<string> {
  return kubectl("get", ...what.split(" "), "-o", `jsonpath={${path}}`);
}

async function resourceVersions(): Promise<Map<string, string>> {
  const pairs = MADE.map(async (each) => [each, await get(each, ".metadata.resourceVersion")] as const);
  return new Map(await Promise.all(pairs));
}

/** What `pulumi up` says to settings that it can't take. */
async function refusal(wrong: Record<string, unknown>): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("refused-update.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.end(JSON.stringify(wrong));
  return text(child.stdout);
}

/** What an operator does to a ChatCluster once all of it works, as far as `pulumi up` can see. */
async function reportReady(): Promise<void> {
  await kubectl("wait", "--for=create", "--timeout=120s", "crd/chatclusters.chatcluster.dev");
  await kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/chatclusters.chatcluster.dev");
  await kubectl("wait", "--for=create", "--timeout=120s", "-n=default", "chatclusters/sample");
  const ready = {
    type: "Ready",
    status: "True",
    reason: "Test",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  const patch = JSON.stringify({ status: { conditions: [ready] } });
  await kubectl("patch", "-n=default", "chatclusters/sample", "--subresource=status", "--type=merge", "-p", patch);
}

test("a wrong configuration ends the update with the key's name, before anything is made", {
  timeout: 120_000,
}, async () => {
  assert.match(
    await refusal({ ...settings, provider: "aws" }),
    /chatcluster:provider is "aws", which is not supported/,
  );
  const misspelt = { ...settings, chatCluster: { name: "sample", spec: { server: {} } } };
  assert.match(await refusal(misspelt), /chatcluster:chatCluster\.spec\.server is unknown/);
  await assert.rejects(get("namespaces/chatcluster-system", ".metadata.name"), /NotFound/);
});

test("a first preview announces everything and makes nothing", { timeout: 120_000 }, async () => {
  const stack = await pulumi.stack("local", settings);
  const { changeSummary } = await stack.preview();
  assert.ok((changeSummary.create ?? 0) > MADE.length);
  await assert.rejects(get("namespaces/chatcluster-system", ".metadata.name"), /NotFound/);
});

test("up installs everything, waits until the ChatCluster is Ready and tells where to connect", {
  timeout: 120_000,
}, async () => {
  const stack = await pulumi.stack("local", settings);
  const [{ outputs, summary }] = await Promise.all([stack.up(), reportReady()]);
  assert.deepEqual(Object.keys(summary.resourceChanges ?? {}), ["create"]);
  for (const each of MADE) assert.notEqual(await get(each, ".metadata.uid"), "", each);
  assert.equal(await get("-n=default chatclusters/sample", ".spec.servers.max"), "4");
  assert.equal(outputs.ingressAddress?.value, "ws://127.0.0.1:8080/chat");
  assert.equal(outputs.namespace?.value, "default");
  assert.equal(outputs.operatorNamespace?.value, "chatcluster-system");
  assert.equal(outputs.kubeconfig?.value, api.kubeconfig);
  assert.equal(outputs.kubeconfig?.secret, true);
});

test("a second up, a preview and a refresh change nothing", { timeout: 120_000 }, async () => {
  const before = await resourceVersions();
  const stack = await pulumi.stack("local", settings);
  const { summary } = await stack.up({ expectNoChanges: true });
  assert.deepEqual(Object.keys(summary.resourceChanges ?? {}), ["same"]);
  assert.deepEqual(Object.keys((await stack.preview()).changeSummary), ["same"]);
  assert.deepEqual(await resourceVersions(), before);
});

test("a changed spec updates the ChatCluster and nothing else", { timeout: 120_000 }, async () => {
  const before = await resourceVersions();
  const chatCluster = { ...settings.chatCluster, spec: { servers: { min: 2, max: 6 } } };
  const stack = await pulumi.stack("local", { ...settings, chatCluster });
  const { summary } = await stack.up();
  assert.equal(summary.resourceChanges?.update, 1);
  assert.equal(await get("-n=default chatclusters/sample", ".spec.servers.max"), "6");
  assert.deepEqual(changed(before, await resourceVersions()), ["-n=default chatclusters/sample"]);
});

test("a changed value of the operator's chart updates the Deployment and nothing else", {
  timeout: 120_000,
}, async () => {
  const before = await resourceVersions();
  const operator = { ...settings.operator, values: { replicas: 3 } };
  const chatCluster = { ...settings.chatCluster, spec: { servers: { min: 2, max: 6 } } };
  const stack = await pulumi.stack("local", { ...settings, chatCluster, operator });
  const { summary } = await stack.up();
  assert.equal(await get("-n=chatcluster-system deployments/chatcluster-operator", ".spec.replicas"), "3");
  assert.deepEqual(changed(before, await resourceVersions()), [
    "-n=chatcluster-system deployments/chatcluster-operator",
  ]);
  // The chart's component keeps the values in the state, so the engine counts it beside the Deployment.
  assert.equal(summary.resourceChanges?.update, 2);
});

test("destroy removes all of it", { timeout: 120_000 }, async () => {
  const stack = await pulumi.stack("local", settings);
  await stack.destroy();
  for (const each of MADE)
    await assert.rejects(get(each, ".metadata.name"), /NotFound|doesn't have a resource type/, each);
});

test("with keepCrds, destroy leaves the CustomResourceDefinition and what others have made of it", {
  timeout: 120_000,
}, async () => {
  const kept = { ...settings, operator: { ...settings.operator, keepCrds: true } };
  const stack = await pulumi.stack("kept", kept);
  await Promise.all([stack.up(), reportReady()]);
  await run("sh", ["-c", `printf '%s' '${FOREIGN}' | ${kubectlPath} --kubeconfig ${api.kubeconfigFile} apply -f -`]);
  await stack.destroy();
  assert.equal(await get("-n=default chatclusters/foreign", ".metadata.name"), "foreign");
  await assert.rejects(get("-n=default chatclusters/sample", ".metadata.name"), /NotFound/);
});

const FOREIGN = JSON.stringify({
  apiVersion: "chatcluster.dev/v1beta1",
  kind: "ChatCluster",
  metadata: { name: "foreign", namespace: "default" },
  spec: {},
});

function changed(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): string[] {
  return [...now].filter(([key, version]) => before.get(key) !== version).map(([key]) => key);
}
