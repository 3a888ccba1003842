import { until } from "@chatcluster/foundation/until";
import type { KubeConfig } from "@kubernetes/client-node";
import { CHAT_CLUSTER } from "../controller/informers.ts";
import { SNAPSHOT_ANNOTATION } from "../controller/snapshots.ts";
import { type Client, PersistentVolumeClaim, Pod, StatefulSet } from "../runtime/index.ts";
import { condition, createSample, sampleChild, sampleStatus } from "./chat-cluster-api.ts";
import { restrictedNamespace, ScriptedServers, startOperator } from "./operator-fixture.ts";
import { ScriptedReplication, ScriptedRing, ScriptedSchema, ScriptedSnapshotStore } from "./scripted-cassandra.ts";

/** A namespace with a ring of its own: the test does what the StatefulSet controller and the kubelet would. */
export class RingOf {
  readonly namespace: string;
  readonly agents = new ScriptedRing();
  readonly replication = new ScriptedReplication();
  readonly schema = new ScriptedSchema();
  readonly store = new ScriptedSnapshotStore();
  readonly #admin: Client;
  readonly #account: KubeConfig;

  /** @param account the operator's */
  constructor(admin: Client, account: KubeConfig, namespace: string) {
    this.#admin = admin;
    this.#account = account;
    this.namespace = namespace;
  }

  operator() {
    return startOperator(this.#account, new ScriptedServers(), this);
  }

  async create(spec: Record<string, unknown>): Promise<void> {
    await restrictedNamespace(this.#admin, this.namespace);
    await createSample(this.#admin, this.namespace, spec);
  }

  async replicas(): Promise<number> {
    const { spec } = await sampleChild(this.#admin, this.namespace, StatefulSet, "cassandra");
    return (spec as { replicas: number }).replicas;
  }

  async replicasAre(count: number): Promise<void> {
    await until(async () => (await this.replicas()) === count, `${count} replicas`);
  }

  async patch(cassandra: Record<string, unknown>): Promise<void> {
    await this.#admin.mergePatch(CHAT_CLUSTER, { namespace: this.namespace, name: "sample" }, { spec: { cassandra } });
  }

  status() {
    return sampleStatus(this.#admin, this.namespace);
  }

  /** Waits for a condition's reason; gives its message. */
  async reason(type: string, reason: string): Promise<string> {
    return until(async () => {
      const found = condition(await this.status(), type);
      return found?.reason === reason ? found.message : undefined;
    }, `${type} to be ${reason}`);
  }

  /** Nodes `from` to `to` are up and normal. */
  async run(from: number, to: number): Promise<void> {
    const { spec } = await sampleChild(this.#admin, this.namespace, StatefulSet, "cassandra");
    const { template } = spec as {
      template: { metadata: { labels: Record<string, string> }; spec: { volumes: object[] } };
    };
    for (let ordinal = from; ordinal <= to; ordinal++) {
      const name = `sample-cassandra-${ordinal}`;
      await this.#admin.create({
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: `data-${name}`, namespace: this.namespace, labels: { ...template.metadata.labels } },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } },
      });
      this.agents.join(name);
      await this.#admin.create({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { ...template.metadata, name, namespace: this.namespace },
        spec: { ...template.spec, volumes: [...template.spec.volumes, { name: "data", emptyDir: {} }] },
      });
      const ip = `127.84.6.${ordinal + 1}`;
      const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions: [{ type: "Ready", status: "True" }] };
      await this.#admin.mergePatch(Pod, { namespace: this.namespace, name }, { status }, "status");
    }
    await this.settle();
  }

  /** The StatefulSet controller has seen the newest spec and carried it out. */
  async settle(): Promise<void> {
    const { spec, metadata } = await sampleChild(this.#admin, this.namespace, StatefulSet, "cassandra");
    const { replicas } = spec as { replicas: number };
    const status = {
      replicas,
      readyReplicas: replicas,
      updatedReplicas: replicas,
      observedGeneration: metadata.generation,
    };
    await this.#admin.mergePatch(StatefulSet, { namespace: this.namespace, name: metadata.name }, { status }, "status");
  }

  async deletePod(ordinal: number): Promise<void> {
    const name = { namespace: this.namespace, name: `sample-cassandra-${ordinal}` };
    await this.#admin.delete(Pod, name, { gracePeriodSeconds: 0 });
    await this.settle();
  }

  claim(ordinal: number) {
    return this.#admin.get(PersistentVolumeClaim, {
      namespace: this.namespace,
      name: `data-sample-cassandra-${ordinal}`,
    });
  }

  deleteClaim(ordinal: number): Promise<void> {
    return this.#finalized(ordinal);
  }

  /** No controller is there that would take the claim's protection off. */
  async #finalized(ordinal: number): Promise<void> {
    const name = { namespace: this.namespace, name: `data-sample-cassandra-${ordinal}` };
    await this.#admin.mergePatch(PersistentVolumeClaim, name, { metadata: { finalizers: null } });
    await this.#admin.delete(PersistentVolumeClaim, name);
  }

  /** The pod of what keeps the snapshots is ready. */
  async runStore(): Promise<void> {
    const { spec } = await sampleChild(this.#admin, this.namespace, StatefulSet, "snapshots");
    const { template } = spec as {
      template: { metadata: { labels: Record<string, string> }; spec: { volumes?: object[] } };
    };
    const name = "sample-snapshots-0";
    await this.#admin.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...template.metadata, name, namespace: this.namespace },
      spec: { ...template.spec, volumes: [{ name: "data", emptyDir: {} }] },
    });
    const ip = "127.84.7.1";
    const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions: [{ type: "Ready", status: "True" }] };
    await this.#admin.mergePatch(Pod, { namespace: this.namespace, name }, { status }, "status");
  }

  /** Asks for a snapshot. */
  ask(request: string): Promise<void> {
    return this.#annotate({ [SNAPSHOT_ANNOTATION]: request });
  }

  /** Changes what means nothing, for which the operator looks again. */
  touch(): Promise<void> {
    return this.#annotate({ touched: new Date().toISOString() });
  }

  async #annotate(annotations: Record<string, string>): Promise<void> {
    await this.#admin.mergePatch(
      CHAT_CLUSTER,
      { namespace: this.namespace, name: "sample" },
      { metadata: { annotations } },
    );
  }
}
