import { text } from "node:stream/consumers";
import { Type } from "typebox";
import type { AgentAddress } from "../cassandra-agent/client.ts";
import { call, download, type Peer } from "../cassandra-agent/peer-client.ts";
import { SCHEMA_FILE } from "../cassandra-agent/snapshot-names.ts";
import { TaskState } from "../cassandra-agent/tasks.ts";
import { MAX_MANIFEST, Manifest, Summary } from "./manifest.ts";

/** Bytes of the list of a thousand snapshots. */
const MAX_LIST = 2 ** 20;
/** Milliseconds for the schema of a table. */
const SCHEMA_MS = 10_000;

/** What is on the volume, and what is on its way there. */
const List = Type.Object({ snapshots: Type.Array(Summary), running: Type.Optional(Type.String()) });

export interface SnapshotStoreAddress {
  readonly ip: string;
  readonly port: number;
}

/** The store of a ChatCluster's snapshots. Every call throws CodedError `snapshot_store_unreachable`, `…_refused` or `…_bad_reply`. */
export interface SnapshotStoreClient {
  /** Complete snapshots, the oldest first, and the name of the one that is on its way. */
  list(
    store: SnapshotStoreAddress,
    token: string,
    signal: AbortSignal,
  ): Promise<{ readonly snapshots: readonly Summary[]; readonly running?: string }>;
  /** Begins a snapshot of all nodes; asking again changes nothing. */
  take(store: SnapshotStoreAddress, token: string, request: TakeSnapshot, signal: AbortSignal): Promise<TaskState>;
  state(store: SnapshotStoreAddress, token: string, name: string, signal: AbortSignal): Promise<TaskState>;
  manifest(store: SnapshotStoreAddress, token: string, name: string, signal: AbortSignal): Promise<Manifest>;
  /** CQL that makes a table as it was. */
  schema(
    store: SnapshotStoreAddress,
    token: string,
    table: { snapshot: string; pod: string; table: string },
    signal: AbortSignal,
  ): Promise<string>;
}

export interface TakeSnapshot {
  readonly name: string;
  readonly nodes: readonly AgentAddress[];
  readonly keep: number;
  readonly request?: string | undefined;
}

/** Speaks HTTP to the store's pod. */
export const httpSnapshotStoreClient: SnapshotStoreClient = {
  list: (store, token, signal) =>
    call(List, peerOf(store, token), signal, { method: "GET", path: "/snapshots", maxReply: MAX_LIST }),
  take: (store, token, { name, ...body }, signal) =>
    call(TaskState, peerOf(store, token), signal, { method: "POST", path: `/snapshots/${name}`, body }),
  state: (store, token, name, signal) =>
    call(TaskState, peerOf(store, token), signal, { method: "GET", path: `/snapshots/${name}` }),
  manifest: (store, token, name, signal) =>
    call(Manifest, peerOf(store, token), signal, {
      method: "GET",
      path: `/snapshots/${name}/manifest`,
      maxReply: MAX_MANIFEST,
    }),
  async schema(store, token, { snapshot, pod, table }, signal) {
    const within = AbortSignal.any([signal, AbortSignal.timeout(SCHEMA_MS)]);
    return text(
      await download(peerOf(store, token), within, `/snapshots/${snapshot}/files/${pod}/${table}/${SCHEMA_FILE}`),
    );
  },
};

function peerOf({ ip, port }: SnapshotStoreAddress, token: string): Peer {
  return { name: "the store of the snapshots", code: "snapshot_store", host: ip, port, token };
}
