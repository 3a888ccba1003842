import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { type Static, Type } from "typebox";
import type { Jolokia } from "./jolokia.ts";
import { CHAT_KEYSPACE } from "./paths.ts";
import type { FileAnswer } from "./peer-server.ts";
import { OPERATIONS, STORAGE_SERVICE } from "./policy.ts";
import { CASSANDRA_MANIFEST, FILE_NAME, TABLE_NAME } from "./snapshot-names.ts";
import { type TaskState, Tasks } from "./tasks.ts";

/** A snapshot that nobody fetches any more, since who wanted it is gone, takes itself away. */
const TIME_TO_LIVE = "2d";

/** One file of a node's snapshot. */
export const SnapshotFile = Type.Object({
  table: Type.String({ pattern: `^${TABLE_NAME}$` }),
  name: Type.String({ pattern: `^${FILE_NAME}$` }),
  bytes: Type.Integer({ minimum: 0 }),
});
export type SnapshotFile = Static<typeof SnapshotFile>;

export interface NodeSnapshotsOptions {
  readonly jolokia: Jolokia;
  /** Cassandra's volume, with its folder `data`. */
  readonly dataDirectory: string;
  readonly logger: Logger;
  /** Ends the waits, not what Cassandra does. */
  readonly signal: AbortSignal;
}

/**
 * Snapshots of the node's files of the chat keyspace: Cassandra writes out what it has in memory and links the files, which never change, to a
 * folder of the snapshot's name. They cost no room until Cassandra compacts the originals away.
 */
export class NodeSnapshots {
  readonly #options: NodeSnapshotsOptions;
  readonly #takes = new Tasks();

  constructor(options: NodeSnapshotsOptions) {
    this.#options = options;
  }

  take(name: string): TaskState {
    const { jolokia, logger, signal } = this.#options;
    return this.#takes.start(
      name,
      async () => {
        // One that was cut short may have some of the tables only.
        await this.clear(name);
        const parameters = [name, { ttl: TIME_TO_LIVE }, [CHAT_KEYSPACE]];
        await jolokia.execute(STORAGE_SERVICE, OPERATIONS.takeSnapshot, parameters, signal);
      },
      (error) => {
        if (error === undefined) logger.info({ snapshot: name }, "snapshot taken");
        else logger.error({ err: error, snapshot: name }, "no snapshot could be taken");
      },
    );
  }

  state(name: string): TaskState {
    return this.#takes.state(name);
  }

  async clear(name: string): Promise<void> {
    const { jolokia, signal } = this.#options;
    await jolokia.execute(STORAGE_SERVICE, OPERATIONS.clearSnapshot, [name, [CHAT_KEYSPACE]], signal);
  }

  async files(name: string): Promise<SnapshotFile[]> {
    const found: SnapshotFile[] = [];
    for (const { table, directory } of await this.#tables(name)) {
      for (const entry of await readdir(directory, { withFileTypes: true })) {
        if (!entry.isFile() || entry.name === CASSANDRA_MANIFEST) continue;
        found.push({ table, name: entry.name, bytes: (await stat(join(directory, entry.name))).size });
      }
    }
    return found;
  }

  /** @throws CodedError `snapshot_file_missing` */
  async open(name: string, table: string, file: string): Promise<FileAnswer> {
    const directory = (await this.#tables(name)).find((each) => each.table === table)?.directory;
    if (directory !== undefined) {
      const path = join(directory, file);
      const found = await unlessMissing(stat(path));
      if (found?.isFile()) return { file: createReadStream(path), bytes: found.size };
    }
    throw new CodedError("snapshot_file_missing", `snapshot ${name} has no file ${table}/${file}`);
  }

  /** The tables that are in the snapshot, with their folders. A table's folder is its name and its id, in 32 digits. */
  async #tables(name: string): Promise<{ table: string; directory: string }[]> {
    const keyspace = join(this.#options.dataDirectory, "data", CHAT_KEYSPACE);
    const folders = (await unlessMissing(readdir(keyspace))) ?? [];
    const tables = await Promise.all(
      folders.map(async (folder) => {
        const [, table] = /^([a-z][a-z0-9_]*)-[0-9a-f]{32}$/.exec(folder) ?? [];
        const directory = join(keyspace, folder, "snapshots", name);
        return table !== undefined && (await unlessMissing(stat(directory))) ? [{ table, directory }] : [];
      }),
    );
    return tables.flat();
  }
}

async function unlessMissing<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
