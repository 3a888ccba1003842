import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { fetchFile } from "../snapshot-store/fetch-file.ts";
import { MAX_MANIFEST, Manifest } from "../snapshot-store/manifest.ts";
import type { Jolokia } from "./jolokia.ts";
import { CHAT_KEYSPACE } from "./paths.ts";
import { call, download, type Peer } from "./peer-client.ts";
import { OPERATIONS, STORAGE_SERVICE } from "./policy.ts";
import { SCHEMA_FILE } from "./snapshot-names.ts";
import { type TaskState, Tasks } from "./tasks.ts";

export interface NodeRestoreOptions {
  readonly jolokia: Jolokia;
  /** Where the snapshots are. */
  readonly store: Peer;
  /** Where files are put for Cassandra to load: on the node's volume, as this process sees it and as Cassandra does. */
  readonly directory: string;
  readonly directoryOfCassandra: string;
  readonly logger: Logger;
  /** Ends the waits, not what Cassandra does. */
  readonly signal: AbortSignal;
}

/**
 * Loads what one node had, when the snapshot was made, into the ring that there is now: Cassandra streams each row to the nodes that own it, however
 * many there are. To load a file twice changes nothing, since a row has the time at which it was written.
 */
export class NodeRestore {
  readonly #options: NodeRestoreOptions;
  readonly #loads = new Tasks();

  constructor(options: NodeRestoreOptions) {
    this.#options = options;
  }

  /** @param node whose files, by the name of its pod in the snapshot */
  load(snapshot: string, node: string): TaskState {
    const { logger } = this.#options;
    return this.#loads.start(
      `${snapshot}/${node}`,
      () => this.#load(snapshot, node),
      (error) => {
        if (error === undefined) logger.info({ snapshot, node }, "loaded what the node had");
        else logger.error({ err: error, snapshot, node }, "what the node had could not be loaded");
      },
    );
  }

  state(snapshot: string, node: string): TaskState {
    return this.#loads.state(`${snapshot}/${node}`);
  }

  async #load(snapshot: string, node: string): Promise<void> {
    const { jolokia, store, directory, directoryOfCassandra, signal } = this.#options;
    const manifest = await call(Manifest, store, signal, {
      method: "GET",
      path: `/snapshots/${snapshot}/manifest`,
      maxReply: MAX_MANIFEST,
    });
    const files = manifest.nodes.find(({ pod }) => pod === node)?.files;
    if (!files) throw new CodedError("snapshot_node_missing", `snapshot ${snapshot} has nothing of ${node}`);
    const folder = join(directory, CHAT_KEYSPACE);
    // A table at a time, so that there is room for one only to be had twice.
    for (const table of new Set(files.map((file) => file.table))) {
      await rm(folder, { recursive: true, force: true });
      const wanted = files.filter((file) => file.table === table && file.name !== SCHEMA_FILE);
      if (wanted.length === 0) continue;
      // By the names of its folders Cassandra knows which table it is.
      await mkdir(join(folder, table), { recursive: true });
      for (const file of wanted) {
        const path = `/snapshots/${snapshot}/files/${node}/${table}/${file.name}`;
        const { sha256 } = await fetchFile(
          await download(store, signal, path),
          join(folder, table, file.name),
          file.bytes,
        );
        if (sha256 !== file.sha256)
          throw new CodedError(
            "snapshot_damaged",
            `${node}/${table}/${file.name} in snapshot ${snapshot} is not what it was`,
          );
      }
      const parameters = [join(directoryOfCassandra, CHAT_KEYSPACE, table)];
      await jolokia.execute(STORAGE_SERVICE, OPERATIONS.load, parameters, signal);
    }
    await rm(folder, { recursive: true, force: true });
  }
}
