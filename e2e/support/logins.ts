import { Type } from "typebox";
import { Value } from "typebox/value";
import { type Cluster, SAMPLE } from "./cluster.ts";
import type { Login, LoginAnswer } from "./try-logins.ts";

const SecretView = Type.Object({ data: Type.Record(Type.String(), Type.String()) });
const PodView = Type.Object({
  metadata: Type.Object({ uid: Type.String() }),
  status: Type.Object({
    podIP: Type.String(),
    containerStatuses: Type.Array(Type.Object({ name: Type.String(), restartCount: Type.Integer() })),
  }),
});

/** The logins of the sample's only Redis and only Cassandra node. */
export class Logins {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Those that the Secrets have now: of the chat servers at both stores, and of the operator at Cassandra. */
  async inUse(): Promise<Login[]> {
    const [redis, cassandra] = await Promise.all([this.#pod("redis"), this.#pod("cassandra")]);
    const login = async (store: Login["store"], secret: string, host: string): Promise<Login> => {
      const { username = "default", password = "" } = await this.#secret(secret);
      return { store, host, username, password };
    };
    return Promise.all([
      login("redis", "redis", redis.status.podIP),
      login("cassandra", "cassandra", cassandra.status.podIP),
      login("cassandra", "cassandra-admin", cassandra.status.podIP),
    ]);
  }

  /** What the stores say to them, in the same order. */
  async tried(logins: readonly Login[]): Promise<LoginAnswer[]> {
    const program = new URL("./try-logins.ts", import.meta.url);
    return JSON.parse(await this.#cluster.runInside(program, JSON.stringify(logins))) as LoginAnswer[];
  }

  /** By which a store that was restarted or replaced is told from one that was not. */
  async lives(): Promise<unknown[]> {
    return Promise.all(
      (["redis", "cassandra"] as const).map(async (store) => {
        const { metadata, status } = await this.#pod(store);
        return [metadata.uid, ...status.containerStatuses.map(({ name, restartCount }) => `${name} ${restartCount}`)];
      }),
    );
  }

  async #pod(store: Login["store"]) {
    const pod = ["get", "pod", `${SAMPLE.name}-${store}-0`, "-n", SAMPLE.namespace];
    return Value.Parse(PodView, await this.#cluster.kubectl.json(pod));
  }

  async #secret(suffix: string): Promise<Record<string, string>> {
    const secret = ["get", "secret", `${SAMPLE.name}-${suffix}`, "-n", SAMPLE.namespace];
    const { data } = Value.Parse(SecretView, await this.#cluster.kubectl.json(secret));
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
    );
  }
}
