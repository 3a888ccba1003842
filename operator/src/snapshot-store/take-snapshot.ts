import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { type AgentAddress, httpCassandraAgentClient as agents } from "../cassandra-agent/client.ts";
import { clusterOfSnapshot } from "../cassandra-agent/snapshot-names.ts";
import type { Archive } from "./archive.ts";
import { fetchFile } from "./fetch-file.ts";
import type { Manifest } from "./manifest.ts";

/** Milliseconds between two looks at a node that takes its snapshot, and for which it may: it writes out what it has in memory. */
const POLL_MS = 250;
const TAKE_MS = 600_000;

/** What a snapshot is to be of. */
export interface SnapshotRequest {
  readonly name: string;
  /** Every node of the ring. */
  readonly nodes: readonly AgentAddress[];
  /** Snapshots of its ChatCluster that there are to be afterwards, at most. */
  readonly keep: number;
  readonly request?: string | undefined;
}

export interface SnapshotSurroundings {
  readonly archive: Archive;
  /** The agents' token. */
  readonly token: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

type Node = Manifest["nodes"][number];

/**
 * Has all nodes take a snapshot at the same time, fetches their files, and makes a snapshot on the volume of them only when every byte is there.
 * Then the oldest ones go.
 *
 * @throws CodedError with what went wrong; nothing of it stays
 */
export async function takeSnapshot(
  { archive, token, logger, signal }: SnapshotSurroundings,
  { name, nodes, keep, request }: SnapshotRequest,
): Promise<void> {
  const cluster = clusterOfSnapshot(name) ?? "";
  await archive.sweep(cluster);
  const folder = await archive.begin(name);
  try {
    await Promise.all(nodes.map((node) => takeOn(node, token, name, signal)));
    const takenAt = timestamp();
    const fetched: Node[] = [];
    for (const node of nodes) fetched.push(await fetchNode(node, token, name, folder, signal));
    const bytes = fetched.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0);
    const manifest: Manifest = {
      version: 1,
      name,
      takenAt,
      completedAt: timestamp(),
      bytes,
      nodes: fetched,
      ...(request === undefined ? {} : { request }),
    };
    await archive.finish(manifest);
    logger.info({ snapshot: name, bytes }, "the snapshot is complete");
  } catch (error) {
    await archive.sweep(cluster);
    throw error;
  } finally {
    await Promise.all(nodes.map((node) => clearOn(node, token, name, logger)));
  }
  const gone = await archive.prune(cluster, keep);
  if (gone.length > 0) logger.info({ snapshots: gone }, "older snapshots are gone");
}

async function takeOn(node: AgentAddress, token: string, name: string, signal: AbortSignal): Promise<void> {
  const until = performance.now() + TAKE_MS;
  let { state, message } = await agents.takeSnapshot(node, token, name, signal);
  while (state === "running" && performance.now() < until) {
    await delay(POLL_MS, undefined, { signal });
    ({ state, message } = await agents.snapshot(node, token, name, signal));
  }
  if (state === "completed") return;
  const why = state === "running" ? "it takes too long" : (message ?? "its agent was restarted");
  throw new CodedError("snapshot_not_taken", `${node.pod} could not take a snapshot: ${why}`);
}

async function fetchNode(
  node: AgentAddress,
  token: string,
  name: string,
  folder: string,
  signal: AbortSignal,
): Promise<Node> {
  const files: Node["files"][number][] = [];
  for (const file of await agents.snapshotFiles(node, token, name, signal)) {
    const table = join(folder, node.pod, file.table);
    await mkdir(table, { recursive: true });
    const source = await agents.snapshotFile(node, token, name, file, signal);
    files.push({ ...file, ...(await fetchFile(source, join(table, file.name), file.bytes)) });
  }
  if (files.length === 0) throw new CodedError("snapshot_not_taken", `${node.pod} has no chat keyspace yet`);
  return { pod: node.pod, files };
}

/** What stays because its node is away goes by itself, after two days. */
async function clearOn(node: AgentAddress, token: string, name: string, logger: Logger): Promise<void> {
  try {
    await agents.clearSnapshot(node, token, name, AbortSignal.timeout(10_000));
  } catch (error) {
    logger.warn({ pod: node.pod, snapshot: name }, `the snapshot stays on the node for two days: ${messageOf(error)}`);
  }
}

function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
