import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { until } from "@chatcluster/foundation/until";
import type { ApiServer } from "@chatcluster/local/services";
import { CHAT_CLUSTER } from "../../src/controller/informers.ts";
import { CHAT_ADMIN_PORT } from "../../src/resource/names.ts";
import {
  type Client,
  Deployment,
  Informer,
  type KubernetesObject,
  keyOf,
  Namespace,
  Pod,
  StatefulSet,
} from "../../src/runtime/index.ts";
import { quietLogger } from "../../src/runtime/testing/api.ts";
import { chatCluster, clientOf, installCrd } from "../../src/testing/chat-cluster-api.ts";
import type { OperatorProgram } from "../../src/testing/operator-program.ts";

/** Where the stand-in for chat servers listens: an address of this machine that nothing else uses. */
const SERVER_ADDRESS = "127.77.0.1";
const NAMESPACE = "many";
/** Requests of the administrator at once. */
const PARALLEL = 8;

/** Many ChatClusters with pods on a real API server; what the kubelets and the chat servers would say is played. */
export class ManyClusters implements AsyncDisposable {
  readonly #admin: Client;
  readonly #names: readonly string[];
  readonly #servers: Server;
  #polls = 0;

  private constructor(admin: Client, count: number) {
    this.#admin = admin;
    this.#names = Array.from({ length: count }, (_, index) => `chat-${index}`);
    this.#servers = createServer((_request, response) => {
      this.#polls += 1;
      response.end(JSON.stringify({ serverId: "played", connections: 1000, draining: false, drained: false }));
    });
  }

  static async start(server: ApiServer, count: number): Promise<ManyClusters> {
    const admin = clientOf(server.kubeconfig);
    await installCrd(admin);
    await admin.apply({ apiVersion: Namespace.apiVersion, kind: Namespace.kind, metadata: { name: NAMESPACE } });
    const clusters = new ManyClusters(admin, count);
    clusters.#servers.listen(CHAT_ADMIN_PORT, SERVER_ADDRESS);
    await once(clusters.#servers, "listening");
    return clusters;
  }

  /** Looks at connections that the chat servers were asked for. */
  get polls(): number {
    return this.#polls;
  }

  /** Creates the ChatClusters, all in one namespace, which is the hardest. */
  async create(): Promise<void> {
    await this.#each((name) => this.#admin.create(chatCluster(name, {}, NAMESPACE)));
  }

  /** Waits until the operator has acted on every ChatCluster. */
  async untilReconciled(): Promise<void> {
    await until(
      async () => {
        const { items } = await this.#admin.list(CHAT_CLUSTER, { namespace: NAMESPACE });
        return items.every(({ status, metadata }) => generationOf(status) === metadata.generation);
      },
      "every ChatCluster to be acted on",
      300_000,
      { every: 500 },
    );
  }

  /** Plays Deployments, StatefulSets and kubelets: two chat servers, two HAProxy and a Redis run; Cassandra is still starting. */
  async runPods(): Promise<void> {
    await this.#each(async (name) => {
      await this.#runPods(name, Deployment, "chat", 2);
      await this.#runPods(name, Deployment, "ingress", 2);
      await this.#runPods(name, StatefulSet, "redis", 1);
      await this.#makePod(name, StatefulSet, "cassandra", 0);
    });
  }

  /** Waits until `operator` has written nothing for two seconds. */
  async untilQuiet(operator: OperatorProgram): Promise<void> {
    let last = -1;
    let since = 0;
    await until(
      async () => {
        const total = sum(await operator.writes());
        if (total !== last) since = performance.now();
        last = total;
        return performance.now() - since > 2_000;
      },
      "the operator to come to rest",
      300_000,
      { every: 200 },
    );
  }

  /**
   * Changes the number of HAProxy pods of one ChatCluster after the other.
   * @returns the times from the change's reply to the changed Deployment's arrival in a watch, in milliseconds, sorted
   */
  async changeLatencies(changes: number): Promise<number[]> {
    const deployments = new Informer({
      client: this.#admin,
      kind: Deployment,
      logger: quietLogger,
      namespaces: [NAMESPACE],
      labelSelector: "app.kubernetes.io/component=ingress",
    });
    const stop = new AbortController();
    const running = deployments.run(stop.signal);
    await deployments.waitForSync(stop.signal);
    const latencies: number[] = [];
    for (let change = 0; change < changes; change++) {
      const name = this.#names[(change * 7) % this.#names.length] ?? "";
      const key = keyOf({ namespace: NAMESPACE, name: `${name}-ingress` });
      const wanted = replicasOf(deployments.get(key)) + 1;
      await this.#admin.mergePatch(CHAT_CLUSTER, { namespace: NAMESPACE, name }, patchReplicas(wanted));
      const startedMs = performance.now();
      await until(() => replicasOf(deployments.get(key)) === wanted, `${name} to be changed`, 30_000, { every: 1 });
      latencies.push(performance.now() - startedMs);
    }
    stop.abort();
    await running;
    return latencies.sort((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#servers.close();
    this.#servers.closeAllConnections();
    this.#admin.close();
  }

  async #runPods(name: string, kind: typeof Deployment, component: string, count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const pod = await this.#makePod(name, kind, component, index);
      const status = {
        phase: "Running",
        podIP: SERVER_ADDRESS,
        podIPs: [{ ip: SERVER_ADDRESS }],
        conditions: [{ type: "Ready", status: "True" }],
      };
      await this.#admin.mergePatch(Pod, { namespace: NAMESPACE, name: pod.metadata.name }, { status }, "status");
    }
    const target = { namespace: NAMESPACE, name: `${name}-${component}` };
    const { metadata } = await this.#admin.get(kind, target);
    const counts = { replicas: count, readyReplicas: count, availableReplicas: count, updatedReplicas: count };
    const status = { observedGeneration: metadata.generation, ...counts };
    await this.#admin.mergePatch(kind, target, { status }, "status");
  }

  async #makePod(name: string, kind: typeof Deployment, component: string, index: number): Promise<KubernetesObject> {
    const { spec } = await this.#admin.get(kind, { namespace: NAMESPACE, name: `${name}-${component}` });
    const { template } = spec as { template: { metadata: object; spec: { volumes?: object[] } } };
    const volumes = [
      ...(template.spec.volumes ?? []),
      ...(kind === StatefulSet ? [{ name: "data", emptyDir: {} }] : []),
    ];
    return this.#admin.create({
      apiVersion: Pod.apiVersion,
      kind: Pod.kind,
      metadata: { ...template.metadata, name: `${name}-${component}-${index}`, namespace: NAMESPACE },
      spec: { ...template.spec, volumes },
    });
  }

  async #each(work: (name: string) => Promise<unknown>): Promise<void> {
    const waiting = [...this.#names];
    const workers = Array.from({ length: PARALLEL }, async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await work(name);
    });
    await Promise.all(workers);
  }
}

/** All writes together. */
export function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

/** What `after` has that `before` had not. */
export function difference(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>) {
  const changed = [...after].map(([key, count]): [string, number] => [key, count - (before.get(key) ?? 0)]);
  return Object.fromEntries(changed.filter(([, count]) => count !== 0));
}

/** The value that `share` (0 to 1) of the sorted values do not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

function patchReplicas(replicas: number): Record<string, unknown> {
  return { spec: { ingress: { replicas } } };
}

function replicasOf(deployment: KubernetesObject | undefined): number {
  return ((deployment?.spec ?? {}) as { replicas?: number }).replicas ?? 0;
}

function generationOf(status: unknown): number | undefined {
  return (status as { observedGeneration?: number } | undefined)?.observedGeneration;
}
