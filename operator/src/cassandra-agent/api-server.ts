import type { NodeOperations } from "./node-operations.ts";
import type { NodeRestore } from "./node-restore.ts";
import type { NodeSnapshots } from "./node-snapshots.ts";
import { type Answer, type FileAnswer, type PeerRequest, PeerServer, type PeerServerOptions } from "./peer-server.ts";
import { FILE_NAME, NODE_NAME, SNAPSHOT_NAME, TABLE_NAME } from "./snapshot-names.ts";

/** Keyspaces as CQL writes them without quotes. */
const KEYSPACE = /^[a-z][a-z0-9_]{0,47}$/;
const SNAPSHOT_ROUTE = new RegExp(`^(GET|POST|DELETE) /snapshots/(${SNAPSHOT_NAME})(/files(?:/.*)?)?$`);
const FILE_ROUTE = new RegExp(`^/files/(${TABLE_NAME})/(${FILE_NAME})$`);
const RESTORE_ROUTE = new RegExp(`^(GET|POST) /restores/(${SNAPSHOT_NAME})/(${NODE_NAME})$`);

export interface AgentApiOptions extends Omit<PeerServerOptions, "answer"> {
  readonly operations: Pick<
    NodeOperations,
    "view" | "decommission" | "startRepair" | "repair" | "startCleanup" | "cleanup"
  >;
  readonly snapshots: Pick<NodeSnapshots, "take" | "state" | "files" | "open" | "clear">;
  /** In a ChatCluster that is made from a snapshot. */
  readonly restore?: Pick<NodeRestore, "load" | "state"> | undefined;
}

/** The HTTP API of the agent beside a Cassandra node. */
export class AgentApi extends PeerServer {
  constructor({ operations, snapshots, restore, ...options }: AgentApiOptions) {
    super({
      ...options,
      answer: async (request) =>
        (await answerForNode(operations, request)) ??
        (await answerForSnapshots(snapshots, request)) ??
        (restore && answerForRestore(restore, request)),
    });
  }
}

async function answerForNode(
  operations: AgentApiOptions["operations"],
  { route, query, signal }: PeerRequest,
): Promise<Answer | undefined> {
  if (route === "GET /node") return { status: 200, body: await operations.view(signal) };
  if (route === "POST /decommission") return { status: 202, body: { mode: await operations.decommission(signal) } };
  if (route === "POST /repairs") {
    const keyspace = query.get("keyspace") ?? "";
    if (!KEYSPACE.test(keyspace)) return { status: 400, body: { error: "keyspace must name one" } };
    return { status: 202, body: { id: await operations.startRepair(keyspace, signal) } };
  }
  const [, id] = /^GET \/repairs\/(\d{1,9})$/.exec(route) ?? [];
  if (id !== undefined) return { status: 200, body: await operations.repair(Number(id), signal) };
  if (route === "POST /cleanups") return { status: 202, body: { id: operations.startCleanup() } };
  const [, cleanup] = /^GET \/cleanups\/([0-9a-f-]{1,64})$/.exec(route) ?? [];
  return cleanup === undefined ? undefined : { status: 200, body: operations.cleanup(cleanup) };
}

async function answerForSnapshots(
  snapshots: AgentApiOptions["snapshots"],
  { route }: PeerRequest,
): Promise<Answer | FileAnswer | undefined> {
  const [, method, name, rest] = SNAPSHOT_ROUTE.exec(route) ?? [];
  if (name === undefined) return undefined;
  if (rest === undefined) {
    if (method === "POST") return { status: 202, body: snapshots.take(name) };
    if (method === "GET") return { status: 200, body: snapshots.state(name) };
    await snapshots.clear(name);
    return { status: 200, body: {} };
  }
  if (method !== "GET") return undefined;
  if (rest === "/files") return { status: 200, body: await snapshots.files(name) };
  const [, table, file] = FILE_ROUTE.exec(rest) ?? [];
  return table === undefined || file === undefined ? undefined : snapshots.open(name, table, file);
}

function answerForRestore(
  restore: NonNullable<AgentApiOptions["restore"]>,
  { route }: PeerRequest,
): Answer | undefined {
  const [, method, snapshot, node] = RESTORE_ROUTE.exec(route) ?? [];
  if (snapshot === undefined || node === undefined) return undefined;
  return method === "POST"
    ? { status: 202, body: restore.load(snapshot, node) }
    : { status: 200, body: restore.state(snapshot, node) };
}
