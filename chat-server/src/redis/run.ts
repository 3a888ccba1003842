/** Who answers on a connection. */
export interface NodeIdentity {
  /** Of this process of Redis. */
  readonly server: string;
  readonly master: boolean;
  /**
   * The same as long as no acknowledged write can have been lost: the process (`run_id`) and its line of replication (`master_replid`, which is new
   * for each promotion). The process alone would not do: a master that was demoted takes over what its successor has, without what that one
   * never got, and may be promoted again.
   */
  readonly run: string;
  /** Of the process, in milliseconds, rounded down to the second. */
  readonly age: number;
}

const PART = 16;

/**
 * Reads the answer to `INFO server replication` (https://redis.io/docs/latest/commands/info/).
 * @throws Error if something is missing in it
 */
export function readIdentity(info: string): NodeIdentity {
  const field = (name: string): string => {
    const value = new RegExp(`^${name}:(\\w+)`, "m").exec(info)?.[1];
    if (value === undefined) throw new Error(`INFO tells no ${name}`);
    return value;
  };
  const server = field("run_id");
  const replication = field("master_replid");
  return {
    server,
    master: field("role") === "master",
    run: server.slice(0, PART) + replication.slice(0, PART),
    age: Number(field("uptime_in_seconds")) * 1_000,
  };
}
