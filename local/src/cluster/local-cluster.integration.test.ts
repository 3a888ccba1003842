import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { stringify } from "yaml";
import { freePort } from "../services/port.ts";
import { runCommand } from "../tools/command.ts";
import { connectCluster, type LocalCluster } from "./connect.ts";
import { nodeName, statePaths } from "./layout.ts";
import { type ClusterParts, type ClusterWish, ensureCluster, removeCluster } from "./local-cluster.ts";
import { recordedProcesses, runningProcess } from "./managed-process.ts";
import { hasNamespace } from "./namespaces.ts";
import type { Steps } from "./steps.ts";
import { buildSandboxImage, clusterTools } from "./tools.ts";

/** A whole cluster beside the one of `npm run up`: other names, ports and state. Pods run the pause image, the only one that it has. */
describe("a local cluster", { timeout: 480_000 }, () => {
  const settings = { name: "chatcluster-test", state: mkdtempSync("/tmp/chatcluster-test-") };
  const steps: Steps = { run: (_name, work) => work(() => undefined), say: () => undefined };
  let wish: ClusterWish;
  let parts: ClusterParts;
  let cluster: LocalCluster;

  before(async () => {
    wish = { nodes: 1, ports: { api: await freePort(), ingress: await freePort() } };
    parts = { tools: await clusterTools(), sandboxImage: await buildSandboxImage(() => undefined) };
    await removeCluster(settings);
    await ensureCluster(settings, wish, parts, steps);
    cluster = await connectCluster(settings);
  });

  after(async () => {
    await removeCluster(settings);
    rmSync(settings.state, { recursive: true });
  });

  const pids = () =>
    recordedProcesses(statePaths(settings)).map((name) => [name, runningProcess(statePaths(settings), name)?.pid]);

  it("has a Ready node and serves its API on 127.0.0.1", async () => {
    assert.deepEqual(cluster.nodes, ["chatcluster-test-1"]);
    const ready = `jsonpath={.status.conditions[?(@.type=="Ready")].status}`;
    assert.equal(await cluster.kubectl.run(["get", "node", "chatcluster-test-1", "-o", ready]), "True");
    assert.match(
      readFileSync(cluster.kubeconfig, "utf8"),
      new RegExp(`server: https://127\\.0\\.0\\.1:${wish.ports.api}`),
    );
  });

  it("is kept as it is when it is brought up again", async () => {
    const running = pids();
    await ensureCluster(settings, wish, parts, steps);
    assert.deepEqual(pids(), running);
  });

  it("runs a pod with a volume that its user can write to, found by its name in DNS", async () => {
    await cluster.kubectl.run(["apply", "-f", "-"], podWithVolume(parts.sandboxImage.ref));
    await cluster.kubectl.run(["wait", "pod/quiet", "--for=condition=Ready", "--timeout=60s"]);
    const address = await cluster.kubectl.run(["get", "pod", "quiet", "-o", "jsonpath={.status.podIP}"]);
    assert.match(address, /^10\.244\.1\./);
    assert.equal(await resolveInside("quiet.quiet.default.svc.cluster.local"), address);
    assert.equal(statSync(statePaths(settings).volumes).mode & 0o777, 0o700);
    const [volume] = readdirSync(statePaths(settings).volumes);
    assert.ok(volume);
    assert.equal(statSync(join(statePaths(settings).volumes, volume)).mode & 0o777, 0o777);
  });

  it("can't reach anything outside, nor the machine", async () => {
    const routes = await runCommand("ip", ["-n", nodeName(settings, 1), "route", "show", "default"]);
    assert.equal(routes, "");
    await assert.rejects(inside(["bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/${wish.ports.api}`]), /Connection refused/);
  });

  it("restarts a container that is killed", async () => {
    await cluster.killContainer("default", "quiet");
    await until(async () => (await restarts()) === "1", "the container is restarted", 60_000, { every: 200 });
  });

  it("survives the loss of its node, which takes all that ran on it along", async () => {
    const machine = runningProcess(statePaths(settings), "node-1-machine")?.pid;
    await cluster.stopNode(1);
    assert.equal(runningProcess(statePaths(settings), "node-1-kubelet"), undefined);
    assert.equal(runningProcess(statePaths(settings), "node-1-containerd"), undefined);
    await cluster.startNode(1);
    assert.notEqual(runningProcess(statePaths(settings), "node-1-machine")?.pid, machine);
    await cluster.kubectl.run(["wait", "pod/quiet", "--for=condition=Ready", "--timeout=60s"]);
    await until(async () => (await restarts()) !== "1", "the pod's container is a new one", 60_000, { every: 200 });
  });

  it("has its API server back after that was killed", async () => {
    await cluster.stopControlPlane("kube-apiserver");
    await assert.rejects(cluster.kubectl.run(["get", "--raw", "/readyz"]));
    await cluster.startControlPlane("kube-apiserver");
    await until(
      () => cluster.kubectl.run(["get", "pod", "quiet"]).catch(() => undefined),
      "the API server answers",
      60_000,
      { every: 200 },
    );
  });

  it("starts anew after etcd was killed, without what it held", async () => {
    await cluster.stopControlPlane("etcd");
    await ensureCluster(settings, wish, parts, steps);
    assert.equal(await cluster.kubectl.run(["get", "pods", "-o", "name"]), "");
  });

  it("leaves nothing when it is removed", async () => {
    const namespace = hasNamespace(settings, 1);
    const running = pids();
    await removeCluster(settings);
    assert.ok(namespace && !hasNamespace(settings, 1));
    for (const [name, pid] of running) assert.ok(!existsSync(`/proc/${pid}/exe`), `${name} still runs`);
    const mine = readdirSync("/sys/fs/cgroup").filter((hierarchy) =>
      existsSync(join("/sys/fs/cgroup", hierarchy, nodeName(settings, 1))),
    );
    assert.deepEqual(mine, []);
    assert.doesNotMatch(readFileSync("/proc/mounts", "utf8"), new RegExp(settings.state));
    assert.deepEqual(readdirSync(settings.state).sort(), ["logs", "pki"]);
  });

  async function inside(command: readonly string[]): Promise<string> {
    const [program, ...args] = [...cluster.enterNetwork, ...command];
    return runCommand(program as string, args);
  }

  /** The first address that the cluster's DNS has for a name, asked at its Service's address. */
  async function resolveInside(name: string): Promise<string> {
    const program = `const r = new (require("dns").promises.Resolver)(); r.setServers(["10.96.0.10"]);
      r.resolve4(${JSON.stringify(name)}).then(([a]) => console.log(a), (e) => { console.error(e.code); process.exit(1); });`;
    return until(() => inside([process.execPath, "-e", program]).catch(() => undefined), `${name} resolves`, 30_000, {
      every: 200,
    });
  }

  async function restarts(): Promise<string> {
    return cluster.kubectl.run(["get", "pod", "quiet", "-o", "jsonpath={.status.containerStatuses[0].restartCount}"]);
  }
});

/** A headless Service, a claim, and a pod that passes the "restricted" Pod Security level. */
function podWithVolume(image: string): string {
  const objects = [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "quiet" },
      spec: { clusterIP: "None", selector: { app: "quiet" }, ports: [{ port: 80 }] },
    },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "quiet" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "quiet", labels: { app: "quiet" } },
      spec: {
        hostname: "quiet",
        subdomain: "quiet",
        terminationGracePeriodSeconds: 1,
        securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: "RuntimeDefault" } },
        containers: [
          {
            name: "quiet",
            image,
            imagePullPolicy: "Never",
            volumeMounts: [{ name: "data", mountPath: "/data" }],
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ["ALL"] },
            },
          },
        ],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "quiet" } }],
      },
    },
  ];
  return objects.map((object) => stringify(object)).join("---\n");
}
