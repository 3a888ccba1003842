import { statfs } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { Type } from "typebox";
import { Value } from "typebox/value";
import type { RepairState } from "./client.ts";
import type { Jolokia } from "./jolokia.ts";
import { type NodeView, readNode } from "./node-view.ts";
import { OPERATIONS, STORAGE_SERVICE } from "./policy.ts";

/** Milliseconds in which Cassandra refuses a decommission that it will not do. */
const REFUSAL_MS = 2_000;
/** Options of a repair, as `nodetool repair --full --partitioner-range` passes them. */
const FULL_PRIMARY_RANGE = { parallelism: "parallel", primaryRange: "true", incremental: "false" };
/** The first is IN_PROGRESS, COMPLETED or FAILED, the others tell more; null for a number that the node does not know. */
const ParentRepairStatus = Type.Union([Type.Array(Type.String(), { minItems: 1 }), Type.Null()]);
/** The number of a repair where there is but one copy, or one node. */
const NOTHING_TO_REPAIR = 0;
const REPAIR_STATES: Readonly<Record<string, RepairState["state"]>> = {
  IN_PROGRESS: "running",
  COMPLETED: "completed",
  FAILED: "failed",
};

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

  async repair(id: number, signal: AbortSignal): Promise<RepairState> {
    if (id === NOTHING_TO_REPAIR) return { state: "completed" };
    const status = await this.#options.jolokia.execute(STORAGE_SERVICE, OPERATIONS.repairStatus, [id], signal);
    if (!Value.Check(ParentRepairStatus, status))
      throw new CodedError("cassandra_refused", "Cassandra told the repair's state in a way that is not known");
    if (status === null) return { state: "unknown" };
    const [word = "", ...messages] = status;
    return { state: REPAIR_STATES[word] ?? "unknown", message: messages.join(" ").slice(0, 1000) };
  }
}
