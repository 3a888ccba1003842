import { until } from "@chatcluster/foundation/until";
import { Type } from "typebox";
import { Value } from "typebox/value";
import type { Cluster } from "./cluster.ts";

const Condition = Type.Object({
  type: Type.String(),
  status: Type.String(),
  reason: Type.Optional(Type.String()),
  message: Type.Optional(Type.String()),
  lastTransitionTime: Type.Optional(Type.String()),
  observedGeneration: Type.Optional(Type.Integer()),
});
const Pods = Type.Object({
  items: Type.Array(
    Type.Object({
      metadata: Type.Object({
        name: Type.String(),
        creationTimestamp: Type.String(),
        deletionTimestamp: Type.Optional(Type.String()),
      }),
      status: Type.Object({
        podIP: Type.Optional(Type.String()),
        conditions: Type.Optional(Type.Array(Condition)),
        containerStatuses: Type.Optional(
          Type.Array(Type.Object({ name: Type.String(), restartCount: Type.Integer() })),
        ),
      }),
    }),
  ),
});
const Events = Type.Object({ items: Type.Array(Type.Object({ message: Type.String() })) });
const Claims = Type.Object({ items: Type.Array(Type.Object({ metadata: Type.Object({ name: Type.String() }) })) });
const ChatClusterView = Type.Object({
  metadata: Type.Object({ generation: Type.Integer() }),
  status: Type.Optional(
    Type.Object({
      conditions: Type.Optional(Type.Array(Condition)),
      cassandra: Type.Optional(Type.Object({ hostIds: Type.Optional(Type.Array(Type.String())) })),
    }),
  ),
});

/** The Cassandra of a ChatCluster of its own, with what tests ask of it and do to it. Of the ring Cassandra itself is asked. */
export class CassandraRing {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #name: string;

  constructor(cluster: Cluster, namespace: string, name: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#name = name;
  }

  async create(manifest: object): Promise<void> {
    await this.#kubectl(["create", "namespace", this.#namespace]);
    await this.#cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(manifest));
  }

  async delete(): Promise<void> {
    await this.#kubectl(["delete", "namespace", this.#namespace, "--wait", "--timeout=120s"]);
  }

  /** Waits until the newest spec is carried out and everything is ready. */
  async ready(within: number): Promise<void> {
    let last = "";
    await until(
      async () => {
        const { metadata, status } = Value.Parse(ChatClusterView, await this.#json("chat", this.#name));
        const conditions = status?.conditions ?? [];
        last = conditions
          .map(({ type, status: is, reason, message }) => `${type}=${is} ${reason}: ${message}`)
          .join("\n");
        const is = (wanted: string, state: string) =>
          conditions.some(
            ({ type, status: now, observedGeneration }) =>
              type === wanted && now === state && observedGeneration === metadata.generation,
          );
        return is("Ready", "True") && is("Progressing", "False");
      },
      `ChatCluster ${this.#name} to be as its spec asks`,
      within,
      { every: 500, detail: () => last },
    );
  }

  async isReady(pod: string): Promise<boolean> {
    return (await this.readyPods()).includes(pod);
  }

  async readyPods(): Promise<string[]> {
    const pods = await this.#pods();
    return pods.filter(({ ready, going }) => ready && !going).map(({ name }) => name);
  }

  async addresses(): Promise<string[]> {
    return (await this.#pods()).map(({ address }) => address);
  }

  async startTimes(): Promise<number[]> {
    return (await this.#pods()).map(({ created }) => created);
  }

  /** Notes of the ChatCluster's Events with a reason, in their order. */
  async events(reason: string): Promise<string[]> {
    const fields = `reason=${reason},involvedObject.name=${this.#name}`;
    const args = ["get", "events", "-n", this.#namespace, "--field-selector", fields];
    const { items } = Value.Parse(Events, await this.#cluster.kubectl.json(args));
    return items.map(({ message }) => message).sort();
  }

  /** Names of the volume claims of the nodes. */
  async claims(): Promise<string[]> {
    const labels = `app.kubernetes.io/instance=${this.#name},app.kubernetes.io/component=cassandra`;
    const { items } = Value.Parse(
      Claims,
      await this.#cluster.kubectl.json(["get", "pvc", "-n", this.#namespace, "-l", labels]),
    );
    return items.map(({ metadata }) => metadata.name);
  }

  /** When each pod became ready, in milliseconds. */
  async readyTimes(): Promise<number[]> {
    return (await this.#pods()).map(({ readySince }) => readySince);
  }

  async restarts(pod: string): Promise<number> {
    return (await this.#pods()).find(({ name }) => name === pod)?.restarts ?? 0;
  }

  /** As when its machine is lost with the disk: nothing in the pod is told. */
  async loseNode(ordinal: number): Promise<void> {
    const pod = `${this.#name}-cassandra-${ordinal}`;
    await this.#kubectl(["delete", "pvc", `data-${pod}`, "--wait=false"]);
    await this.#kubectl(["delete", "pod", pod, "--grace-period=0", "--force", "--wait=false"]);
  }

  /** Cassandra's host ids as the operator knows them, by the pods' numbers. */
  async hostIds(): Promise<readonly string[]> {
    const { status } = Value.Parse(ChatClusterView, await this.#json("chat", this.#name));
    return status?.cassandra?.hostIds ?? [];
  }

  /** Two letters for each node, as `nodetool status` prints them: UN is up and normal. */
  async states(): Promise<string[]> {
    const output = await this.#inCassandra(["nodetool", "status"]);
    return [...output.matchAll(/^([UD][NLJM]) /gm)].map(([, letters = ""]) => letters);
  }

  /** Copies that are kept of a keyspace's rows in its only data centre. */
  async replicas(keyspace: string): Promise<number> {
    const output = await this.#inCassandra(["nodetool", "describering", keyspace]);
    const counts = [...output.matchAll(/ endpoints:\[([^\]]*)\]/g)].map(([, list = ""]) => list.split(",").length);
    return Math.min(...counts);
  }

  /** A setting of cassandra.yaml as the last node has it. */
  async setting(name: string): Promise<string | undefined> {
    const yaml = await this.#inCassandra(["cat", "/etc/chatcluster/cassandra/cassandra.yaml"]);
    return new RegExp(`^${name}: (.*)$`, "m").exec(yaml)?.[1];
  }

  #inCassandra(command: readonly string[]): Promise<string> {
    return this.#kubectl(["exec", `${this.#name}-cassandra-1`, "-c", "cassandra", "--", ...command]);
  }

  async #pods() {
    const labels = `app.kubernetes.io/instance=${this.#name},app.kubernetes.io/component=cassandra`;
    const reply = await this.#cluster.kubectl.json(["get", "pods", "-n", this.#namespace, "-l", labels]);
    return Value.Parse(Pods, reply).items.map(({ metadata, status }) => {
      const ready = status.conditions?.find(({ type }) => type === "Ready");
      return {
        name: metadata.name,
        address: status.podIP ?? "",
        created: Date.parse(metadata.creationTimestamp),
        ready: ready?.status === "True",
        readySince: Date.parse(ready?.lastTransitionTime ?? ""),
        going: metadata.deletionTimestamp !== undefined,
        restarts: status.containerStatuses?.find(({ name }) => name === "cassandra")?.restartCount ?? 0,
      };
    });
  }

  #json(kind: string, name: string): Promise<unknown> {
    return this.#cluster.kubectl.json(["get", kind, name, "-n", this.#namespace]);
  }

  #kubectl(args: readonly string[]): Promise<string> {
    const [verb = "", ...rest] = args;
    return this.#cluster.kubectl.run([verb, "-n", this.#namespace, ...rest]);
  }
}
