import { Type } from "typebox";
import { SnapshotFile } from "./node-snapshots.ts";
import { NodeView } from "./node-view.ts";
import { CASSANDRA_AGENT_PORT } from "./paths.ts";
import { call, download, type Peer } from "./peer-client.ts";
import { TaskState } from "./tasks.ts";

/** A repair that was begun, by the number that the node gave it. */
export const RepairStarted = Type.Object({ id: Type.Integer() });
/** A cleanup that was begun, by the name that the agent gave it. */
export const CleanupStarted = Type.Object({ id: Type.String({ pattern: "^[0-9a-f-]{1,64}$" }) });
const Accepted = Type.Object({ mode: Type.String() });

/** A node's agent. */
export interface AgentAddress {
  /** The pod's name, for messages. */
  readonly pod: string;
  readonly ip: string;
  readonly port?: number;
}

/**
 * The agent's API. Every call throws CodedError `cassandra_agent_unreachable`, `cassandra_agent_refused` (with the agent's reason) or
 * `cassandra_agent_bad_reply`, naming the pod.
 */
export interface CassandraAgentClient {
  node(agent: AgentAddress, token: string, signal: AbortSignal): Promise<NodeView>;
  /** Begins to move the node's data to the others and to leave the ring; asking again changes nothing. */
  decommission(agent: AgentAddress, token: string, signal: AbortSignal): Promise<void>;
  /** Begins a full repair of the node's primary ranges of a keyspace, or names the one that runs. */
  startRepair(agent: AgentAddress, token: string, keyspace: string, signal: AbortSignal): Promise<number>;
  repair(agent: AgentAddress, token: string, id: number, signal: AbortSignal): Promise<TaskState>;
  /** Begins to take off the node's disk what it does not own any more, or names the cleanup that runs. */
  startCleanup(agent: AgentAddress, token: string, signal: AbortSignal): Promise<string>;
  cleanup(agent: AgentAddress, token: string, id: string, signal: AbortSignal): Promise<TaskState>;
  /** Begins a snapshot of the node's files of the chat keyspace; asking again for a name changes nothing. */
  takeSnapshot(agent: AgentAddress, token: string, name: string, signal: AbortSignal): Promise<TaskState>;
  snapshot(agent: AgentAddress, token: string, name: string, signal: AbortSignal): Promise<TaskState>;
  snapshotFiles(agent: AgentAddress, token: string, name: string, signal: AbortSignal): Promise<SnapshotFile[]>;
  snapshotFile(
    agent: AgentAddress,
    token: string,
    name: string,
    file: SnapshotFile,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  clearSnapshot(agent: AgentAddress, token: string, name: string, signal: AbortSignal): Promise<void>;
  /** Begins to load into the ring what a node had in a snapshot; asking again changes nothing. */
  startRestore(agent: AgentAddress, token: string, from: RestoredNode, signal: AbortSignal): Promise<TaskState>;
  restore(agent: AgentAddress, token: string, from: RestoredNode, signal: AbortSignal): Promise<TaskState>;
}

/** A node in a snapshot, by its pod's name there. */
export interface RestoredNode {
  readonly snapshot: string;
  readonly pod: string;
}

/** Bytes of the longest list of files that is read: some 100,000 of them. */
const MAX_FILES = 16 * 2 ** 20;

/** Speaks HTTP to the pod's own address. */
export const httpCassandraAgentClient: CassandraAgentClient = {
  node: (agent, token, signal) => call(NodeView, peerOf(agent, token), signal, { method: "GET", path: "/node" }),
  async decommission(agent, token, signal) {
    await call(Accepted, peerOf(agent, token), signal, { method: "POST", path: "/decommission" });
  },
  async startRepair(agent, token, keyspace, signal) {
    const path = `/repairs?keyspace=${keyspace}`;
    return (await call(RepairStarted, peerOf(agent, token), signal, { method: "POST", path })).id;
  },
  repair: (agent, token, id, signal) =>
    call(TaskState, peerOf(agent, token), signal, { method: "GET", path: `/repairs/${id}` }),
  async startCleanup(agent, token, signal) {
    return (await call(CleanupStarted, peerOf(agent, token), signal, { method: "POST", path: "/cleanups" })).id;
  },
  cleanup: (agent, token, id, signal) =>
    call(TaskState, peerOf(agent, token), signal, { method: "GET", path: `/cleanups/${id}` }),
  takeSnapshot: (agent, token, name, signal) =>
    call(TaskState, peerOf(agent, token), signal, { method: "POST", path: `/snapshots/${name}` }),
  snapshot: (agent, token, name, signal) =>
    call(TaskState, peerOf(agent, token), signal, { method: "GET", path: `/snapshots/${name}` }),
  snapshotFiles: (agent, token, name, signal) =>
    call(Type.Array(SnapshotFile), peerOf(agent, token), signal, {
      method: "GET",
      path: `/snapshots/${name}/files`,
      maxReply: MAX_FILES,
    }),
  snapshotFile: (agent, token, name, file, signal) =>
    download(peerOf(agent, token), signal, `/snapshots/${name}/files/${file.table}/${file.name}`),
  async clearSnapshot(agent, token, name, signal) {
    await call(Type.Object({}), peerOf(agent, token), signal, { method: "DELETE", path: `/snapshots/${name}` });
  },
  startRestore: (agent, token, from, signal) =>
    call(TaskState, peerOf(agent, token), signal, { method: "POST", path: restorePath(from) }),
  restore: (agent, token, from, signal) =>
    call(TaskState, peerOf(agent, token), signal, { method: "GET", path: restorePath(from) }),
};

function restorePath({ snapshot, pod }: RestoredNode): string {
  return `/restores/${snapshot}/${pod}`;
}

function peerOf({ pod, ip, port = CASSANDRA_AGENT_PORT }: AgentAddress, token: string): Peer {
  return { name: `the agent of pod ${pod}`, code: "cassandra_agent", host: ip, port, token };
}
