import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "./config/stack-config.ts";
import { createStack, type StackOutputs } from "./stack.ts";

const folder = mkdtempSync(join(tmpdir(), "stack-"));
const kubeconfig = join(folder, "kubeconfig");
writeFileSync(kubeconfig, "apiVersion: v1\nkind: Config\n");
after(() => rmSync(folder, { recursive: true }));

/** What the provider would be asked to make, by `type name`. */
const registered = new Map<string, pulumi.runtime.MockResourceArgs>();
let templated: { namespace?: string; path?: string; values?: Record<string, unknown> } = {};

const rendered = [
  {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "chatclusters.chatcluster.dev" },
    spec: { group: "chatcluster.dev" },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "chatcluster-operator", namespace: "chatcluster-system" },
    spec: { replicas: 2 },
  },
];

await pulumi.runtime.setMocks(
  {
    newResource(args) {
      registered.set(`${args.type} ${args.name}`, args);
      const loadBalancer = { ingress: [{ hostname: "chat.example.org" }] };
      const state: Record<string, unknown> = args.type.endsWith(":Service")
        ? { ...args.inputs, status: { loadBalancer } }
        : args.inputs;
      return { id: args.id ?? `${args.name}-id`, state };
    },
    call(args) {
      assert.equal(args.token, "kubernetes:helm:template");
      templated = JSON.parse(args.inputs.jsonOpts as string) as typeof templated;
      return { result: rendered };
    },
  },
  "chatcluster",
  "test",
);

beforeEach(() => registered.clear());

const config: StackConfig = {
  provider: "local",
  kubeconfig,
  operator: { namespace: "chatcluster-system", createNamespace: true, keepCrds: true, values: { replicas: 3 } },
  chatCluster: {
    name: "sample",
    namespace: "chat",
    createNamespace: false,
    waitUntilReady: true,
    spec: { servers: { min: 3 } },
  },
};

async function outputs(stack: StackOutputs): Promise<Record<string, unknown>> {
  const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
  pulumi.all({ ...stack }).apply(resolve);
  const resolved = await promise;
  await pulumi.runtime.disconnect();
  return resolved;
}

function one(type: string): pulumi.runtime.MockResourceArgs {
  const found = [...registered.values()].filter((each) => each.type === type);
  assert.equal(found.length, 1, `one ${type}, not ${found.length}`);
  return found[0] as pulumi.runtime.MockResourceArgs;
}

test("the operator's chart is rendered with the stack's values, and each object becomes a resource", async () => {
  await outputs(createStack(config));
  assert.equal(templated.namespace, "chatcluster-system");
  assert.match(templated.path ?? "", /charts\/chatcluster-operator$/);
  assert.deepEqual(templated.values, { replicas: 3, crds: { install: true, keep: true } });
  one("kubernetes:apps/v1:Deployment");
  one("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition");
  assert.deepEqual(one("kubernetes:core/v1:Namespace").inputs.metadata.name, "chatcluster-system");
});

test("the ChatCluster has the spec as it stands and is waited for", async () => {
  await outputs(createStack(config));
  const { inputs } = one("kubernetes:chatcluster.dev/v1beta1:ChatCluster");
  assert.deepEqual(inputs.spec, { servers: { min: 3 } });
  assert.deepEqual(inputs.metadata, {
    name: "sample",
    namespace: "chat",
    annotations: { "pulumi.com/waitFor": "condition=Ready" },
  });
});

test("the provider gets the kubeconfig and the context", async () => {
  await outputs(createStack({ ...config, context: "kind-kind" }));
  const { inputs } = one("pulumi:providers:kubernetes");
  assert.equal(inputs.kubeconfig.value, "apiVersion: v1\nkind: Config\n");
  assert.equal(inputs.context, "kind-kind");
});

test("the kubeconfig is a secret output", async () => {
  const stack = createStack(config);
  assert.equal(await pulumi.isSecret(stack.kubeconfig), true);
  await outputs(stack);
});

test("the ingress address is the public one, else the load balancer's, else the one inside the cluster", async () => {
  const address = async (changes: Partial<StackConfig>) =>
    (await outputs(createStack({ ...config, ...changes }))).ingressAddress;
  const spec = { ingress: { service: { type: "LoadBalancer" } } };
  assert.equal(await address({ publicAddress: "127.0.0.1:8080" }), "ws://127.0.0.1:8080/chat");
  assert.equal(await address({ chatCluster: { ...config.chatCluster, spec } }), "ws://chat.example.org:8080/chat");
  assert.equal(await address({}), "ws://sample-ingress.chat.svc:8080/chat");
  const without = { ingress: { mode: "None" as const, service: { type: "LoadBalancer" as const } } };
  assert.equal(
    await address({ chatCluster: { ...config.chatCluster, spec: without } }),
    "ws://sample-chat.chat.svc:8080/chat",
  );
});

test("namespaces are made or left alone as asked", async () => {
  await outputs(
    createStack({
      ...config,
      operator: { ...config.operator, createNamespace: false },
      chatCluster: { ...config.chatCluster, createNamespace: true },
    }),
  );
  assert.equal(one("kubernetes:core/v1:Namespace").inputs.metadata.name, "chat");
});

test("a kubeconfig that is none is refused", () => {
  const other = join(folder, "other");
  writeFileSync(other, "kind: Secret\n");
  assert.throws(() => createStack({ ...config, kubeconfig: other }), /other is no kubeconfig/);
});
