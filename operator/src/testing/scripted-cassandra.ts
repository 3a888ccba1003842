import { CodedError } from "@chatcluster/foundation/errors";
import type { AgentAddress, CassandraAgentClient, RestoredNode } from "../cassandra-agent/client.ts";
import type { NodeView } from "../cassandra-agent/node-view.ts";
import type { TaskState } from "../cassandra-agent/tasks.ts";
import type { CassandraReplication, ReplicationRequest } from "../controller/cassandra-replication.ts";
import type { CassandraSchema, SchemaRequest } from "../controller/cassandra-schema.ts";
import type { SnapshotStoreClient, TakeSnapshot } from "../snapshot-store/client.ts";
import type { Manifest, Summary } from "../snapshot-store/manifest.ts";

/** For integration tests: what the operator reaches of Cassandra, as a test wants it. */

/** Copies by keyspace, as a test wants them. */
export class ScriptedReplication implements CassandraReplication {
  copies = 1;
  readonly changes: number[] = [];

  async read(): Promise<ReadonlyMap<string, number>> {
    return new Map(["system_auth", "chat"].map((keyspace) => [keyspace, this.copies]));
  }

  async change(_request: ReplicationRequest, copies: number): Promise<void> {
    this.changes.push(copies);
    this.copies = copies;
  }
}

function notAsked(): never {
  throw new Error("the operator has no business with it");
}

/** The keyspace of the chat servers, as a test wants it. */
export class ScriptedSchema implements CassandraSchema {
  isThere = false;
  readonly created: (readonly string[])[] = [];

  async exists(): Promise<boolean> {
    return this.isThere;
  }

  async create(_request: SchemaRequest, _copies: number, tables: readonly string[]): Promise<void> {
    this.isThere = true;
    this.created.push(tables);
  }
}

/** A store of snapshots that makes one when the test lets it. */
export class ScriptedSnapshotStore implements SnapshotStoreClient {
  readonly snapshots: Summary[] = [];
  readonly takes: TakeSnapshot[] = [];
  nodes: readonly string[] = [];
  running: TakeSnapshot | undefined;
  failure: string | undefined;

  /** The snapshot that is on its way is complete. */
  finish(): void {
    if (!this.running) throw new Error("no snapshot is on its way");
    const { name, nodes, request } = this.running;
    this.nodes = nodes.map(({ pod }) => pod);
    const now = new Date().toISOString();
    this.snapshots.push({
      name,
      takenAt: now,
      completedAt: now,
      bytes: 4711,
      ...(request === undefined ? {} : { request }),
    });
    this.running = undefined;
  }

  async list() {
    return { snapshots: [...this.snapshots], ...(this.running && { running: this.running.name }) };
  }

  async take(_store: unknown, _token: string, request: TakeSnapshot): Promise<TaskState> {
    this.takes.push(request);
    this.running = request;
    return { state: "running" };
  }

  async state(_store: unknown, _token: string, name: string): Promise<TaskState> {
    if (this.failure !== undefined) {
      this.running = undefined;
      return { state: "failed", message: this.failure };
    }
    if (this.running?.name === name) return { state: "running" };
    return { state: this.snapshots.some((each) => each.name === name) ? "completed" : "unknown" };
  }

  async manifest(_store: unknown, _token: string, name: string): Promise<Manifest> {
    const summary = this.snapshots.find((each) => each.name === name);
    if (!summary) throw new CodedError("snapshot_store_refused", `there is no snapshot ${name}`);
    const file = { table: "messages", name: "schema.cql", bytes: 4711, sha256: "0".repeat(64) };
    return { version: 1, ...summary, nodes: this.nodes.map((pod) => ({ pod, files: [file] })) };
  }

  async schema(): Promise<string> {
    return "CREATE TABLE chat.messages (id int PRIMARY KEY);\n";
  }
}

/** A ring of Cassandra nodes by pod name. A pod that is not in it does not answer. */
export class ScriptedRing implements CassandraAgentClient {
  readonly modes = new Map<string, string>();
  readonly decommissions: string[] = [];
  readonly repairs: string[] = [];
  freeBytes = 1e9;
  repairState: TaskState = { state: "completed" };
  readonly restores: string[] = [];
  restoreState: TaskState = { state: "completed" };
  readonly cleanups: string[] = [];
  cleanupState: TaskState = { state: "completed" };

  /** The nodes that are up and normal. */
  join(...pods: string[]): void {
    for (const pod of pods) this.modes.set(pod, "NORMAL");
  }

  /** The node's data is with the others, and none knows it any more. */
  leave(pod: string): void {
    this.modes.delete(pod);
  }

  async node({ pod }: AgentAddress): Promise<NodeView> {
    const mode = this.modes.get(pod);
    if (mode === undefined)
      throw new CodedError("cassandra_agent_unreachable", `the agent of pod ${pod} does not answer`);
    const ring = [...this.modes].map(([hostId, each]) => {
      const state = each === "LEAVING" ? ("leaving" as const) : ("normal" as const);
      return { hostId, endpoint: `${hostId}:7000`, up: true, state };
    });
    const disk = { totalBytes: 1e9, freeBytes: this.freeBytes };
    return { hostId: pod, mode, gossip: true, nativeTransport: true, ring, loadBytes: 1000, disk };
  }

  async decommission({ pod }: AgentAddress): Promise<void> {
    this.decommissions.push(pod);
    this.modes.set(pod, "LEAVING");
  }

  async startRepair({ pod }: AgentAddress, _token: string, keyspace: string): Promise<number> {
    this.repairs.push(`${pod} ${keyspace}`);
    return this.repairs.length;
  }

  async repair(): Promise<TaskState> {
    return this.repairState;
  }

  async startCleanup({ pod }: AgentAddress): Promise<string> {
    this.cleanups.push(pod);
    return String(this.cleanups.length);
  }

  async cleanup(): Promise<TaskState> {
    return this.cleanupState;
  }

  async startRestore({ pod }: AgentAddress, _token: string, from: RestoredNode): Promise<TaskState> {
    this.restores.push(`${pod} loads ${from.pod}`);
    return { state: "running" };
  }

  async restore(): Promise<TaskState> {
    return this.restoreState;
  }

  // The store of the snapshots asks for these, not the operator.
  takeSnapshot = notAsked;
  snapshot = notAsked;
  snapshotFiles = notAsked;
  snapshotFile = notAsked;
  clearSnapshot = notAsked;
}
