import { until } from "@chatcluster/foundation/until";
import { Type } from "typebox";
import { Value } from "typebox/value";
import type { Cluster } from "./cluster.ts";

const PodUids = Type.Object({ items: Type.Array(Type.Object({ metadata: Type.Object({ uid: Type.String() }) })) });
const ViewOfMaster = Type.Object({ status: Type.Object({ redisMaster: Type.String() }) });
const ViewOfPasswords = Type.Object({
  status: Type.Object({ passwords: Type.Optional(Type.Object({ rotatedFor: Type.Optional(Type.String()) })) }),
});
const Notes = Type.Object({
  items: Type.Array(
    Type.Object({ message: Type.String(), metadata: Type.Object({ creationTimestamp: Type.String() }) }),
  ),
});

/** The Redis servers and sentinels of a ChatCluster of its own, with what tests ask of them and do to them. */
export class RedisServers {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #name: string;

  constructor(cluster: Cluster, namespace: string, name: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#name = name;
  }

  /** The pod that is the master, as the status has it. */
  async master(): Promise<string> {
    const view = await this.#json(["chatcluster", this.#name]);
    return Value.Parse(ViewOfMaster, view).status.redisMaster;
  }

  /** Has all passwords replaced, and waits until the old ones are refused. */
  async rotatePasswords(): Promise<void> {
    const request = new Date().toISOString();
    const annotation = `chatcluster.dev/rotate-passwords=${request}`;
    const where = ["-n", this.#namespace, "--overwrite"];
    await this.#cluster.kubectl.run(["annotate", "chatcluster", this.#name, ...where, annotation]);
    await until(
      async () => {
        const { status } = Value.Parse(ViewOfPasswords, await this.#json(["chatcluster", this.#name]));
        return status.passwords?.rotatedFor === request;
      },
      "the passwords to be replaced",
      120_000,
      { every: 200 },
    );
  }

  /** Uids of the pods that there are now. */
  async uids(...components: ("redis" | "sentinel")[]): Promise<Set<string>> {
    const { items } = Value.Parse(PodUids, await this.#json(["pods", "-l", this.#selector(components)]));
    return new Set(items.map(({ metadata }) => metadata.uid));
  }

  /** Deletes all pods of Redis and the sentinels at once. */
  async deleteAll(): Promise<void> {
    const which = ["-n", this.#namespace, "-l", this.#selector(["redis", "sentinel"])];
    await this.#cluster.kubectl.run(["delete", "pods", ...which, "--wait=false"]);
  }

  /** The pods that the operator has replaced, in its order. */
  async replaced(): Promise<string[]> {
    const { items } = Value.Parse(Notes, await this.#json(["events", "--field-selector", "reason=RedisPodReplaced"]));
    return items
      .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))
      .map(({ message }) => /pod (\S+):/.exec(message)?.[1] ?? message);
  }

  #selector(components: readonly string[]): string {
    return `app.kubernetes.io/instance=${this.#name},app.kubernetes.io/component in (${components.join(",")})`;
  }

  #json(what: readonly string[]): Promise<unknown> {
    return this.#cluster.kubectl.json(["get", ...what, "-n", this.#namespace]);
  }
}
