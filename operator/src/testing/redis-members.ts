import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { ServiceProcess } from "@chatcluster/local/services";
import { tool } from "@chatcluster/local/tools";
import { Redis } from "ioredis";
import { redisInspector } from "../controller/redis-inspector.ts";
import { type RedisReading, type RedisView, redisView, type SentinelReading } from "../redis/view.ts";
import { SENTINEL_PORT } from "../resource/names.ts";
import { type Accepted, type RedisPasswords, redisUsers, sentinelUsers } from "../resource/redis-access.ts";
import { redisFiles } from "../resource/redis-config.ts";
import { SENTINEL_MASTER, SENTINEL_QUORUM } from "../resource/redis-members.ts";
import { sentinelFiles } from "../resource/sentinel-config.ts";
import { sampleCluster } from "./sample.ts";

/**
 * For integration tests: Redis servers and sentinels as their pods run them, by the very scripts, files and users, on loopback addresses of
 * their own that stand for the addresses of the Services. Only the times after which a server counts as lost are shorter.
 */

export const PASSWORDS: RedisPasswords = { chat: "chat-secret", node: "node-secret", operator: "operator-secret" };
const SHORTER: readonly (readonly [RegExp, string])[] = [
  [/(down-after-milliseconds \w+) \d+/, "$1 1000"],
  [/(failover-timeout \w+) \d+/, "$1 3000"],
];

/** One pod. */
export interface RedisMemberPod {
  readonly address: string;
  /** As the kubelet does after a crash, or with a new pod: the volume stays. */
  readonly service: ServiceProcess;
  /** Runs the hook that runs before it ends. */
  handOver(): Promise<void>;
  /** Has the file of the Secret say what it says now, as the kubelet does. */
  refresh(): Promise<void>;
  /** A new volume. */
  wipe(): Promise<void>;
}

/** The Secret: passwords that are accepted. */
interface SecretOfMembers {
  accepted: Accepted<RedisPasswords>;
}

export class RedisMembers implements AsyncDisposable {
  readonly redis: RedisMemberPod[] = [];
  readonly sentinels: RedisMemberPod[] = [];
  readonly #secret: SecretOfMembers = { accepted: [PASSWORDS] };

  /** Starts all of them at once, in no order. */
  static async start(): Promise<RedisMembers> {
    const members = new RedisMembers();
    const network = `127.${80 + Math.floor(Math.random() * 80)}.${1 + Math.floor(Math.random() * 250)}`;
    const redis = [11, 12, 13].map((host) => `${network}.${host}`);
    const sentinels = [21, 22, 23].map((host) => `${network}.${host}`);
    const environment = {
      PATH: `${dirname(await tool("redis-server"))}:${dirname(await tool("redis-cli"))}:${process.env.PATH}`,
      REDIS_MEMBERS: redis.join(" "),
      SENTINEL_MEMBERS: sentinels.join(" "),
      QUORUM: String(SENTINEL_QUORUM),
    };
    const start = (kind: "redis" | "sentinel") => (address: string) =>
      startMember(kind, address, environment, members.#secret);
    const started = await Promise.allSettled([...redis.map(start("redis")), ...sentinels.map(start("sentinel"))]);
    for (const [index, result] of started.entries())
      if (result.status === "fulfilled") (index < redis.length ? members.redis : members.sentinels).push(result.value);
    const failed = started.find((result) => result.status === "rejected");
    if (!failed) return members;
    await members[Symbol.asyncDispose]();
    throw failed.reason;
  }

  /** Writes other passwords into the Secret. Those that run only have the file of it. */
  async accept(accepted: Accepted<RedisPasswords>): Promise<void> {
    this.#secret.accepted = accepted;
    for (const pod of this.pods) await pod.refresh();
  }

  get #password(): string {
    return this.#secret.accepted[0].node;
  }

  get pods(): RedisMemberPod[] {
    return [...this.redis, ...this.sentinels];
  }

  /** As the operator sees them. */
  async view(): Promise<RedisView> {
    const away = () => undefined;
    const servers = await Promise.all(
      this.redis.map(
        async ({ address }): Promise<[string, RedisReading | undefined]> => [
          address,
          await redisInspector.server({ pod: address, ip: address }, this.#password).catch(away),
        ],
      ),
    );
    const sentinels = await Promise.all(
      this.sentinels.map(
        ({ address }): Promise<SentinelReading | undefined> =>
          redisInspector.sentinel({ pod: address, ip: address }, this.#password).catch(away),
      ),
    );
    return redisView(new Map(servers), sentinels, SENTINEL_QUORUM);
  }

  /** Waits until there is a master with all replicas, and sentinels that could replace it. */
  async whole(): Promise<RedisMemberPod> {
    let view: RedisView | undefined;
    const master = await until(
      async () => {
        view = await this.view();
        const isWhole = view.quorum && view.linked.length === this.redis.length - 1;
        return isWhole && (await this.#areKnown()) && view.master;
      },
      "a master that all replicas follow and all sentinels know",
      30_000,
      { every: 100, detail: () => JSON.stringify(view) },
    );
    return this.pod(master);
  }

  /** Whether the sentinels, which ask every 10 s, know of all replicas. */
  async #areKnown(): Promise<boolean> {
    const counts = await Promise.all(
      this.sentinels.map(async ({ address }) => {
        const redis = new Redis({
          host: address,
          port: SENTINEL_PORT,
          username: "node",
          password: this.#password,
          protocol: 2,
          retryStrategy: () => null,
          maxRetriesPerRequest: 0,
        });
        // One that is just being restarted knows nothing yet.
        redis.on("error", () => undefined);
        try {
          return ((await redis.call("SENTINEL", "REPLICAS", SENTINEL_MASTER)) as unknown[]).length;
        } catch {
          return 0;
        } finally {
          redis.disconnect();
        }
      }),
    );
    return counts.every((count) => count === this.redis.length - 1);
  }

  pod(address: string): RedisMemberPod {
    const found = this.redis.find((pod) => pod.address === address);
    if (!found) throw new CodedError("unknown_member", `no Redis has the address ${address}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // In order they would wait for replicas that are gone already.
    await Promise.all(this.pods.map(({ service }) => service.kill()));
    await Promise.all(this.pods.map(({ service }) => service.stop()));
  }
}

async function startMember(
  kind: "redis" | "sentinel",
  address: string,
  environment: Record<string, string>,
  secret: SecretOfMembers,
): Promise<RedisMemberPod> {
  const env = { ...environment, MEMBER: address };
  let folder = "";
  const service = await ServiceProcess.start({
    name: `member-${kind}`,
    readySeconds: 0.2,
    stopSeconds: 10,
    env,
    async command(directory) {
      folder = directory;
      await writeFiles(kind, address, directory);
      await writeUsers(kind, directory, secret);
      return [
        "env",
        `SCRIPTS=${directory}/scripts`,
        `AUTH=${directory}/auth`,
        `DATA=${directory}/data`,
        `RUN=${directory}/run`,
        "sh",
        `${directory}/scripts/start.sh`,
      ];
    },
    // It waits for the others, which start at the same time.
    ready: () => Promise.resolve(),
  });
  return {
    address,
    service,
    async handOver() {
      const scripts = join(folder, "scripts");
      await promisify(execFile)("sh", [join(scripts, "hand-over.sh")], {
        env: { ...process.env, ...env, SCRIPTS: scripts, AUTH: join(folder, "auth") },
      });
    },
    refresh: () => writeUsers(kind, folder, secret),
    async wipe() {
      await rm(join(folder, "data"), { recursive: true });
    },
  };
}

/** What the ConfigMap, the Secret and the volumes are to a pod. */
async function writeFiles(kind: "redis" | "sentinel", address: string, directory: string): Promise<void> {
  const cluster = sampleCluster({ redis: { mode: "sentinel" } });
  const files = kind === "redis" ? redisFiles(cluster) : sentinelFiles();
  for (const name of ["scripts", "auth", "data", "run"]) await mkdir(join(directory, name), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    let here = text
      .replace("bind * -::*", `bind ${address}`)
      .replace("dir /data", `dir ${directory}/data`)
      .replace("include /etc/redis-auth/", `include ${directory}/auth/`);
    for (const [pattern, shorter] of SHORTER) here = here.replace(pattern, shorter);
    await writeFile(join(directory, "scripts", name), here);
  }
}

async function writeUsers(kind: "redis" | "sentinel", directory: string, { accepted }: SecretOfMembers): Promise<void> {
  const users = kind === "redis" ? redisUsers(accepted) : sentinelUsers(accepted, SENTINEL_MASTER);
  await writeFile(join(directory, "auth", "auth.conf"), users, { mode: 0o600 });
}
