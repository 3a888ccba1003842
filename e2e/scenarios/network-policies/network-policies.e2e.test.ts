import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { type Cluster, clusterIsUp, SAMPLE } from "../../support/cluster.ts";

const STRANGERS = "chatcluster-strangers";
/** Port and Service of each part: what is for users, and what is nobody's but its own. */
const DOORS = { users: "sample-ingress:8080", redis: "sample-redis:6379", cassandra: "sample-cassandra:9042" };

let cluster: Cluster;
before(async () => {
  cluster = await clusterIsUp();
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: STRANGERS, labels } };
  await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(namespace));
  const image = Value.Parse(Type.String(), (await cluster.sample()).spec.images.chatServer);
  for (const namespace of [STRANGERS, SAMPLE.namespace])
    await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(stranger(namespace, image)));
  for (const namespace of [STRANGERS, SAMPLE.namespace])
    await cluster.kubectl.run(["wait", "-n", namespace, "pod/stranger", "--for=condition=Ready", "--timeout=60s"]);
});
after(async () => {
  await cluster.patchSample({ networkPolicies: true });
  await cluster.kubectl.run(["delete", "pod", "stranger", "-n", SAMPLE.namespace, "--grace-period=0", "--force"]);
  await cluster.kubectl.run(["delete", "namespace", STRANGERS, "--wait=true"]);
});

/** A pod that does nothing, of an image that is on the node and has Node.js. */
function stranger(namespace: string, image: string) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "stranger", namespace },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 65_534, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "stranger",
          image,
          command: ["node", "-e", "setInterval(() => undefined, 60_000)"],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  };
}

/** Tries to connect, and prints which doors are open. */
const KNOCK = `
  const { connect } = require("node:net");
  const knock = (door) => new Promise((resolve) => {
    const [host, port] = door.split(":");
    const socket = connect({ host, port, timeout: 3_000 });
    const end = (isOpen) => { socket.destroy(); resolve(isOpen); };
    socket.once("connect", () => end(true)).once("error", () => end(false)).once("timeout", () => end(false));
  });
  Promise.all(process.argv.slice(1).map(knock)).then((open) => console.log(JSON.stringify(open)));
`;

async function openDoors(namespace: string): Promise<string[]> {
  const addresses = Object.values(DOORS).map((door) => door.replace(":", `.${SAMPLE.namespace}.svc.cluster.local:`));
  const inside = ["exec", "-n", namespace, "stranger", "--", "node", "-e", KNOCK, ...addresses];
  const open = Value.Parse(Type.Array(Type.Boolean()), JSON.parse(await cluster.kubectl.run(inside)));
  return Object.keys(DOORS).filter((_, index) => open[index]);
}

test("the stores are open to nobody but their own, from outside the namespace and from inside; without NetworkPolicies to all", async () => {
  for (const namespace of [STRANGERS, SAMPLE.namespace])
    assert.deepEqual(await openDoors(namespace), ["users"], `from ${namespace}`);

  await cluster.patchSample({ networkPolicies: false });
  await cluster.ready();
  await until(async () => (await openDoors(STRANGERS)).length === 3, "all doors are open");

  await cluster.patchSample({ networkPolicies: true });
  await cluster.ready();
  await until(async () => (await openDoors(STRANGERS)).length === 1, "the stores are closed again");
  assert.deepEqual(await openDoors(SAMPLE.namespace), ["users"]);
});
