import { randomUUID } from "node:crypto";
import { statfs } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { Type } from "typebox";
import { Value } from "typebox/value";
import type { Jolokia } from "./jolokia.ts";
import { type NodeView, readNode } from "./node-view.ts";
import { OPERATIONS, SPREAD_KEYSPACES, STORAGE_SERVICE } from "./policy.ts";
import { type TaskState, Tasks } from "./tasks.ts";

/** Milliseconds in which Cassandra refuses a decommission that it will not do. */
const REFUSAL_MS = 2_000;
/** Options of a repair, as `nodetool repair --full --partitioner-range` passes them. */
const FULL_PRIMARY_RANGE = { parallelism: "parallel", primaryRange: "true", incremental: "false" };
/** The first is IN_PROGRESS, COMPLETED or FAILED, the others tell more; null for a number that the node does not know. */
const ParentRepairStatus = Type.Union([Type.Array(Type.String(), { minItems: 1 }), Type.Null()]);
const Keyspaces = Type.Object({ [SPREAD_KEYSPACES]: Type.Array(Type.String()) });
/** The number of a repair where there is but one copy, or one node. */
const NOTHING_TO_REPAIR = 0;
const REPAIR_STATES: Readonly<Record<string, TaskState["state"]>> = {
  IN_PROGRESS: "running",
  COMPLETED: "completed",
  FAILED: "failed",
};

/** SSTables that a cleanup rewrites at a time: it is in no hurry. */
const CLEANUP_JOBS = 1;
/** What a cleanup of which nothing was left out returns; the others are "aborted" and "could not stop what ran". */
const CLEANED = 0;

export interface NodeOperationsOptions {
  readonly jolokia: Jolokia;
  readonly dataDirectory: string;
  readonly logger: Logger;
  /** Ends the waits, not what Cassandra does: that goes on in its JVM. */
  readonly signal: AbortSignal;
}

/** What the agent reads of its node and does with it. */
export class NodeOperations {
  readonly #options: NodeOperationsOptions;
  #decommission: Promise<void> | undefined;
  #decommissionError: string | undefined;
  readonly #repairs = new Map<string, number>();
  readonly #cleanups = new Tasks();

  constructor(options: NodeOperationsOptions) {
    this.#options = options;
  }

  async view(signal: AbortSignal): Promise<NodeView> {
    const { jolokia, dataDirectory } = this.#options;
    const [node, disk] = await Promise.all([readNode(jolokia, signal), statfs(dataDirectory)]);
    return {
      ...node,
      disk: { totalBytes: disk.blocks * disk.bsize, freeBytes: disk.bavail * disk.bsize },
      ...(this.#decommissionError === undefined ? {} : { decommissionError: this.#decommissionError }),
    };
  }

  /**
   * Begins a decommission, unless one runs or is done, and waits a moment for Cassandra to refuse it.
   * @returns the node's mode. @throws CodedError `cassandra_refused`
   */
  async decommission(signal: AbortSignal): Promise<string> {
    const { jolokia, logger } = this.#options;
    const { mode } = await this.view(signal);
    if (mode === "LEAVING" || mode === "DECOMMISSIONED") return mode;
    this.#decommission ??= this.#runDecommission(jolokia, logger);
    await Promise.race([this.#decommission, delay(REFUSAL_MS)]);
    // Not asked again: it answers slowly while it begins to leave.
    return "LEAVING";
  }

  async #runDecommission(jolokia: Jolokia, logger: Logger): Promise<void> {
    this.#decommissionError = undefined;
    logger.info("decommissioning this node");
    const running = jolokia.execute(STORAGE_SERVICE, OPERATIONS.decommission, [false], this.#options.signal);
    // It may fail long after the request that asked for it was answered: the view tells then.
    running.then(
      () => logger.info("this node is decommissioned"),
      (error: unknown) => {
        this.#decommissionError = messageOf(error);
        this.#decommission = undefined;
        logger.error({ err: error }, "the decommission failed");
      },
    );
    await running;
  }

  /** Begins a repair of the keyspace, or finds the one that runs. @returns its number */
  async startRepair(keyspace: string, signal: AbortSignal): Promise<number> {
    const before = this.#repairs.get(keyspace);
    if (before !== undefined && (await this.repair(before, signal)).state === "running") return before;
    const parameters = [keyspace, FULL_PRIMARY_RANGE];
    const id = await this.#options.jolokia.execute(STORAGE_SERVICE, OPERATIONS.repair, parameters, signal);
    if (!Number.isInteger(id)) throw new CodedError("cassandra_refused", "Cassandra gave the repair no number");
    this.#options.logger.info({ keyspace, id }, "repairing");
    this.#repairs.set(keyspace, id as number);
    return id as number;
  }

  async repair(id: number, signal: AbortSignal): Promise<TaskState> {
    if (id === NOTHING_TO_REPAIR) return { state: "completed" };
    const status = await this.#options.jolokia.execute(STORAGE_SERVICE, OPERATIONS.repairStatus, [id], signal);
    if (!Value.Check(ParentRepairStatus, status))
      throw new CodedError("cassandra_refused", "Cassandra told the repair's state in a way that is not known");
    if (status === null) return { state: "unknown" };
    const [word = "", ...messages] = status;
    return { state: REPAIR_STATES[word] ?? "unknown", message: messages.join(" ").slice(0, 1000) };
  }

  /** Begins to take off the disk what the node does not own any more, as `nodetool cleanup` does, unless that runs. @returns its name */
  startCleanup(): string {
    const running = this.#cleanups.running("");
    if (running !== undefined) return running;
    const { logger } = this.#options;
    const id = randomUUID();
    logger.info({ id }, "cleaning up what this node does not own any more");
    this.#cleanups.start(
      id,
      () => this.#cleanUp(),
      (error) => {
        if (error === undefined) logger.info({ id }, "this node is cleaned up");
        else logger.error({ err: error, id }, "the cleanup failed");
      },
    );
    return id;
  }

  cleanup(id: string): TaskState {
    return this.#cleanups.state(id);
  }

  async #cleanUp(): Promise<void> {
    const { jolokia, signal } = this.#options;
    const [found] = await jolokia.read([{ mbean: STORAGE_SERVICE, attributes: [SPREAD_KEYSPACES] }], signal);
    if (!Value.Check(Keyspaces, found))
      throw new CodedError("cassandra_refused", "Cassandra told its keyspaces in a way that is not known");
    for (const keyspace of found[SPREAD_KEYSPACES]) {
      const status = await jolokia.execute(STORAGE_SERVICE, OPERATIONS.cleanup, [CLEANUP_JOBS, keyspace, []], signal);
      if (status !== CLEANED)
        throw new CodedError("cassandra_refused", `Cassandra did not clean up all of ${keyspace} (status ${status})`);
    }
  }
}
