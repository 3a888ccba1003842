import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import type { ApiServer } from "@chatcluster/local/services";
import { tool } from "@chatcluster/local/tools";
import type { KubeConfig } from "@kubernetes/client-node";
import { Value } from "typebox/value";
import { LEADER_ELECTION_RULES, OPERATOR_RULES } from "../api/rbac.ts";
import type { CassandraCredentials, CredentialsRequest } from "../controller/cassandra-credentials.ts";
import { operatorConfigSchema } from "../controller/config.ts";
import { createManager } from "../controller/operator.ts";
import type { RedisInspector } from "../controller/redis-inspector.ts";
import type { RedisPasswordSetter } from "../controller/redis-passwords.ts";
import type { ServerStatus, ServerStatusClient } from "../controller/server-status-client.ts";
import type { RedisReading, SentinelReading } from "../redis/view.ts";
import type { RedisAccess } from "../resource/redis-access.ts";
import type { RedisMember } from "../resource/redis-members.ts";
import { type Client, type KubernetesObject, resourceKind } from "../runtime/index.ts";
import { kubeConfigOf, quietLogger } from "../runtime/testing/api.ts";
import { ScriptedReplication, ScriptedRing, ScriptedSchema, ScriptedSnapshotStore } from "./scripted-cassandra.ts";

/** For integration tests: the operator, in this process, under its own least rights; what it reaches outside of Kubernetes is scripted. */

const SYSTEM = "chatcluster-system";
const Namespace = resourceKind("v1", "Namespace", "namespaces", false);

/** Chat servers by pod name, as a test wants them. A pod without an entry does not answer. */
export class ScriptedServers implements ServerStatusClient {
  readonly statuses = new Map<string, ServerStatus>();
  readonly drains: string[] = [];

  set(pod: string, connections: number): void {
    this.statuses.set(pod, { serverId: pod, connections, draining: false, drained: false });
  }

  async read({ pod }: { pod: string }): Promise<ServerStatus> {
    const status = this.statuses.get(pod);
    if (!status) throw new CodedError("chat_server_unreachable", `pod ${pod} does not answer`);
    return status;
  }

  async drain({ pod }: { pod: string }): Promise<ServerStatus> {
    this.drains.push(pod);
    const status = { ...(await this.read({ pod })), draining: true };
    this.statuses.set(pod, status);
    return status;
  }

  /** The server has moved all of its clients. */
  finishDrain(pod: string): void {
    this.statuses.set(pod, { serverId: pod, connections: 0, draining: true, drained: true });
  }
}

/** Remembers what it was asked for. */
export class RecordedCredentials implements CassandraCredentials {
  readonly requests: CredentialsRequest[] = [];
  failure: CodedError | undefined;

  async ensure(request: CredentialsRequest): Promise<void> {
    this.requests.push(request);
    if (this.failure) throw this.failure;
  }
}

/** Redis servers and sentinels by pod name, as a test wants them. A pod without an entry does not answer. */
export class ScriptedRedis implements RedisInspector {
  readonly servers = new Map<string, RedisReading>();
  readonly sentinels = new Map<string, SentinelReading>();

  async server({ pod }: { pod: string }): Promise<RedisReading> {
    return answer(this.servers, pod);
  }

  async sentinel({ pod }: { pod: string }): Promise<SentinelReading> {
    return answer(this.sentinels, pod);
  }

  async follow({ pod }: { pod: string }, _password: string, master: string): Promise<void> {
    answer(this.servers, pod);
    this.servers.set(pod, { role: "replica", follows: master, linked: true });
  }
}

/** Remembers who was told which passwords last; a pod that is away is not told. */
export class RecordedPasswords implements RedisPasswordSetter {
  readonly told = new Map<string, RedisAccess>();
  readonly away = new Set<string>();

  async set({ pod }: { pod: string }, _member: RedisMember, access: RedisAccess): Promise<void> {
    if (this.away.has(pod)) throw new CodedError("redis_unreachable", `pod ${pod} does not answer`);
    this.told.set(pod, access);
  }
}

function answer<Reading>(readings: ReadonlyMap<string, Reading>, pod: string): Reading {
  const reading = readings.get(pod);
  if (!reading) throw new CodedError("redis_unreachable", `pod ${pod} does not answer`);
  return reading;
}

/** Makes the operator's service account with exactly the rights of rbac.ts, and returns a kubeconfig with its token. */
export async function operatorAccount(server: ApiServer, admin: Client): Promise<KubeConfig> {
  await admin.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM } });
  const account = { name: "operator", namespace: SYSTEM };
  await admin.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: account });
  const kubectl = await tool("kubectl");
  const run = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(kubectl, ["--kubeconfig", server.kubeconfigFile, ...args]);
    return stdout.trim();
  };
  const subject = `--serviceaccount=${SYSTEM}:operator`;
  for (const [object, bind] of [
    [
      { kind: "ClusterRole", metadata: { name: "operator" }, rules: OPERATOR_RULES },
      ["clusterrolebinding", "operator", "--clusterrole=operator", subject],
    ],
    [
      { kind: "Role", metadata: { name: "operator", namespace: SYSTEM }, rules: LEADER_ELECTION_RULES },
      ["rolebinding", "operator", "--role=operator", subject, `--namespace=${SYSTEM}`],
    ],
  ] as const) {
    await applyYaml(kubectl, server, { apiVersion: "rbac.authorization.k8s.io/v1", ...object });
    await run("create", ...bind);
  }
  const token = await run("create", "token", "operator", `--namespace=${SYSTEM}`);
  const kubeConfig = kubeConfigOf(server.kubeconfig);
  const [cluster] = kubeConfig.clusters;
  if (!cluster) throw new Error("the API server's kubeconfig has no cluster");
  kubeConfig.loadFromClusterAndUser(cluster, { name: "operator", token });
  return kubeConfig;
}

async function applyYaml(kubectl: string, server: ApiServer, object: object): Promise<void> {
  const child = promisify(execFile)(kubectl, ["--kubeconfig", server.kubeconfigFile, "apply", "-f", "-"]);
  child.child.stdin?.end(JSON.stringify(object));
  await child;
}

/** A ring that is played, and the one namespace in which it is, so that no other ChatCluster has a part in it. */
export interface ScriptedCassandra {
  readonly agents?: ScriptedRing;
  readonly replication?: ScriptedReplication;
  readonly schema?: ScriptedSchema;
  readonly store?: ScriptedSnapshotStore;
  readonly namespace?: string;
}

/** An operator that leads and has read everything. Disposing it stops it. */
export async function startOperator(
  kubeConfig: KubeConfig,
  servers = new ScriptedServers(),
  cassandra: ScriptedCassandra = {},
) {
  const credentials = new RecordedCredentials();
  const redis = new ScriptedRedis();
  const redisPasswords = new RecordedPasswords();
  const config = Value.Default(operatorConfigSchema, {
    namespace: SYSTEM,
    podName: "operator-test",
    watchNamespace: cassandra.namespace ?? "",
    leaderElection: true,
    healthHost: "127.0.0.1",
    healthPort: 0,
    imageChatServer: "chatcluster/chat-server:test",
    imageIngressAgent: "chatcluster/operator:test",
  });
  const manager = createManager(Value.Parse(operatorConfigSchema, config), kubeConfig, quietLogger, {
    serverStatus: servers,
    cassandraCredentials: credentials,
    cassandraAgents: cassandra.agents ?? new ScriptedRing(),
    cassandraReplication: cassandra.replication ?? new ScriptedReplication(),
    cassandraSchema: cassandra.schema ?? new ScriptedSchema(),
    snapshotStore: cassandra.store ?? new ScriptedSnapshotStore(),
    redisInspector: redis,
    redisPasswords,
  });
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  await until(async () => {
    const { values } = await manager.metrics.isLeader.get();
    return values[0]?.value === 1;
  }, "the operator to lead");
  return {
    servers,
    credentials,
    redis,
    redisPasswords,
    /** Requests that wrote anything but Leases and Events since the start. */
    async writes(): Promise<number> {
      const { values } = await manager.metrics.apiCalls.get();
      return values
        .filter(({ labels }) => labels.resource !== "leases" && labels.resource !== "events")
        .filter(({ labels }) => ["create", "update", "apply", "patch", "delete"].includes(String(labels.verb)))
        .reduce((sum, { value }) => sum + value, 0);
    },
    async reconciles(): Promise<number> {
      const { values } = await manager.metrics.reconcileTotal.get();
      return values.reduce((sum, { value }) => sum + value, 0);
    },
    async forbidden(): Promise<string[]> {
      const { values } = await manager.metrics.apiCalls.get();
      return values
        .filter(({ labels }) => String(labels.status) === "403")
        .map(({ labels }) => `${labels.verb} ${labels.resource}`);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

/** A namespace of a test's own, in which only pods of the restricted level may be made. */
export async function restrictedNamespace(admin: Client, name: string): Promise<string> {
  await admin.create({
    apiVersion: Namespace.apiVersion,
    kind: Namespace.kind,
    metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
  } satisfies KubernetesObject);
  return name;
}
