import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import {
  type Condition,
  ConfigMap,
  Deployment,
  HttpRoute,
  Ingress,
  isNotFound,
  type KubernetesObject,
  PodDisruptionBudget,
  type ResourceKind,
  Role,
  Service,
  ServiceAccount,
} from "../runtime/index.ts";
import { condition, createSample, sampleChild, sampleStatus } from "../testing/chat-cluster-api.ts";
import { installForeignCrd, removeForeignCrd } from "../testing/foreign-crd.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorSystem, startOperatorSystem, writesNothing } from "../testing/operator-system.ts";
import { CHAT_CLUSTER } from "./informers.ts";

let system: OperatorSystem;

before(async () => {
  system = await startOperatorSystem();
});
after(() => system[Symbol.asyncDispose]());

const HAPROXY: readonly ResourceKind[] = [Deployment, Service, ConfigMap, PodDisruptionBudget, ServiceAccount, Role];
const PARENTS = [{ name: "public", namespace: "edge" }];

const wayIn = (namespace: string, kind: ResourceKind) => sampleChild(system.admin, namespace, kind, "ingress");

async function isThere(namespace: string, kind: ResourceKind): Promise<boolean> {
  return wayIn(namespace, kind).then(
    () => true,
    (error: unknown) => {
      if (!isNotFound(error)) throw error;
      return false;
    },
  );
}

async function setIngress(namespace: string, ingress: Record<string, unknown>): Promise<void> {
  await system.admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec: { ingress } });
}

async function ingressReady(namespace: string): Promise<Condition | undefined> {
  return condition(await sampleStatus(system.admin, namespace), "IngressReady");
}

async function untilReason(namespace: string, reason: string): Promise<Condition> {
  return until(
    async () => {
      const found = await ingressReady(namespace);
      return found?.reason === reason && found;
    },
    `IngressReady ${reason}`,
    20_000,
  );
}

/** What a controller of somebody else's writes. */
async function writeStatus(namespace: string, kind: ResourceKind, status: Record<string, unknown>): Promise<void> {
  await system.admin.mergePatch(kind, { namespace, name: "sample-ingress" }, { status }, "status");
}

test("an Ingress takes HAProxy's place and gives it back; what its controller says of it is what the condition says", async () => {
  const namespace = await restrictedNamespace(system.admin, "ingress-mode");
  await createSample(system.admin, namespace);
  for (const kind of HAPROXY) await wayIn(namespace, kind);
  const spec = { className: "public", hosts: ["chat.example"], tls: {}, annotations: { "example.com/hash": "user" } };
  await setIngress(namespace, { mode: "Ingress", ingress: spec });
  assert.equal((await untilReason(namespace, "AddressPending")).status, "Unknown");
  for (const kind of HAPROXY) assert.equal(await isThere(namespace, kind), false, kind.kind);
  const ingress = await wayIn(namespace, Ingress);
  assert.equal((ingress.spec as { ingressClassName: string }).ingressClassName, "public");
  assert.equal(ingress.metadata.annotations?.["example.com/hash"], "user");

  await writeStatus(namespace, Ingress, { loadBalancer: { ingress: [{ ip: "192.0.2.7" }] } });
  assert.match((await untilReason(namespace, "AddressAssigned")).message, /192\.0\.2\.7/);
  await writesNothing(system, namespace);

  const name = { namespace, name: "sample-ingress" };
  await system.admin.mergePatch(Ingress, name, { spec: { ingressClassName: "theirs" } });
  await until(async () => {
    const { ingressClassName } = (await wayIn(namespace, Ingress)).spec as { ingressClassName: string };
    return ingressClassName === "public";
  }, "the class to be ours again");

  await setIngress(namespace, { mode: "Managed", ingress: null });
  await until(() => isThere(namespace, Deployment), "HAProxy");
  await until(async () => !(await isThere(namespace, Ingress)), "the end of the Ingress");
});

test("the Secret of an Ingress' certificate is missed by name", async () => {
  const namespace = await restrictedNamespace(system.admin, "ingress-tls");
  await createSample(system.admin, namespace, {
    ingress: { mode: "Ingress", ingress: { tls: { secretName: "cert" } } },
  });
  const degraded = condition(await sampleStatus(system.admin, namespace), "Degraded");
  assert.equal(degraded?.reason, "TlsSecretMissing");
  assert.match(degraded?.message ?? "", /cert, which spec\.ingress\.ingress\.tls\.secretName names/);
});

test("without the Gateway API HAProxy stays and a condition says why; installed later it is taken up, and its verdicts are told", async () => {
  const { admin } = system;
  const namespace = await restrictedNamespace(admin, "gateway-mode");
  await createSample(admin, namespace);
  await setIngress(namespace, { mode: "Gateway", gateway: { parentRefs: PARENTS, hostnames: ["chat.example"] } });
  const missing = await untilReason(namespace, "GatewayApiMissing");
  assert.equal(missing.status, "False");
  assert.match(missing.message, /HTTPRoute of gateway\.networking\.k8s\.io\/v1.*install/);
  const status = await sampleStatus(admin, namespace);
  assert.equal(condition(status, "Degraded")?.reason, "GatewayApiMissing");
  assert.equal(await isThere(namespace, Deployment), true);
  await writesNothing(system, namespace);
  await system.admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec: { servers: { surge: 2 } } });
  await until(async () => {
    const { spec } = await sampleChild(admin, namespace, Deployment, "chat");
    return (spec as { strategy: { rollingUpdate: { maxSurge: number } } }).strategy.rollingUpdate.maxSurge === 2;
  }, "the rest to go on");

  const crd = await installForeignCrd(admin, HttpRoute, "gateway-api-crds");
  assert.equal((await untilReason(namespace, "AcceptancePending")).status, "Unknown");
  await until(async () => !(await isThere(namespace, Deployment)), "the end of HAProxy");
  const route = await wayIn(namespace, HttpRoute);
  const { rules } = route.spec as { rules: { timeouts: object }[] };
  assert.deepEqual(rules[0]?.timeouts, { request: "0s" });

  await speakFor(namespace, route, "False", "NotAllowedByListeners");
  assert.match((await untilReason(namespace, "NotAccepted")).message, /edge\/public: NotAllowedByListeners/);
  await speakFor(namespace, route, "True", "Accepted");
  assert.equal((await untilReason(namespace, "Accepted")).status, "True");
  assert.equal(condition(await sampleStatus(admin, namespace), "Degraded")?.status, "False");
  await writesNothing(system, namespace);

  await setIngress(namespace, { gateway: { hostnames: ["other.example"] } });
  await untilReason(namespace, "AcceptancePending");
  await setIngress(namespace, { mode: "None", gateway: null });
  await until(async () => !(await isThere(namespace, HttpRoute)), "the end of the HTTPRoute");
  await untilReason(namespace, "NotManaged");

  await setIngress(namespace, { mode: "Gateway", gateway: { parentRefs: PARENTS } });
  await until(() => isThere(namespace, HttpRoute), "an HTTPRoute");
  assert.deepEqual(await system.operator.forbidden(), []);
  await removeForeignCrd(admin, crd);
  await untilReason(namespace, "GatewayApiMissing");
});

/** What a Gateway's controller writes about the route as it is. */
async function speakFor(namespace: string, { metadata }: KubernetesObject, status: string, reason: string) {
  const common = { observedGeneration: metadata.generation, lastTransitionTime: "2026-01-01T00:00:00Z", message: "so" };
  const conditions = [{ type: "Accepted", status, reason, ...common }];
  const parents = [{ parentRef: PARENTS[0], controllerName: "gateways.example/controller", conditions }];
  await writeStatus(namespace, HttpRoute, { parents });
}
