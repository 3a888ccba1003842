import { randomUUID } from "node:crypto";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { Client, errors, policies, type QueryOptions, types } from "cassandra-driver";
import { migrate } from "./migrations.ts";

export interface CassandraOptions {
  /** `host:port` each. */
  contactPoints: string[];
  localDataCenter: string;
  keyspace: string;
  /** `datacenter:factor,…`, for creating the keyspace. */
  replication: string;
  username?: string | undefined;
  password?: string | undefined;
  logger: Logger;
  onQuery?: (() => void) | undefined;
}

const READ_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 3_000;
/** Milliseconds without an answer after which a second node of the data centre is asked the same: one that hangs costs this, not the timeout. */
const SECOND_NODE_MS = 500;
/** Milliseconds between attempts to connect: the first, and the longest. */
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2_000;
/** Response codes of the native protocol (v5 specification, section 9) that tell of a cluster which can't serve now. */
const TEMPORARY = { first: 0x1000, last: 0x15ff };

export type Value = string | number | bigint | null | string[] | Date | Buffer;

/**
 * A session with Cassandra that is there or not: it connects in the background, applies the schema, and until then every query is refused
 * with CodedError `unavailable`. The driver reconnects to nodes while another is there; when none is, it begins anew, at whatever addresses the
 * contact points have by then.
 */
export class CassandraConnection {
  readonly #options: CassandraOptions;
  #client: Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #reason = "connecting";
  #retryMs = FIRST_RETRY_MS;
  /** This server's name in the lock of the schema. */
  readonly #holder = randomUUID();

  constructor(options: CassandraOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#client?.shutdown();
  }

  problem(): string | undefined {
    return this.#client ? undefined : `Cassandra is away (${this.#reason})`;
  }

  /** Runs a prepared, idempotent statement at LOCAL_QUORUM. */
  async execute(query: string, values: readonly Value[], options: QueryOptions = {}): Promise<types.Row[]> {
    if (!this.#client) throw new CodedError("unavailable", `Cassandra is unavailable: ${this.#reason}`);
    this.#options.onQuery?.();
    try {
      const result = await this.#client.execute(query, [...values], options);
      return result.rows ?? [];
    } catch (error) {
      throw coded(error);
    }
  }

  async #connect(): Promise<void> {
    const client = this.#newClient();
    try {
      await client.connect();
      keepToKnownHosts(client);
      await migrate(client, { ...this.#options, holder: this.#holder });
      if (!isThere(client)) throw new Error("every connection was lost at once");
      if (this.#closed) return void (await client.shutdown());
      client.on("hostDown", () => this.#onHostDown(client));
      this.#client = client;
      this.#retryMs = FIRST_RETRY_MS;
      this.#options.logger.info({ keyspace: this.#options.keyspace }, "Cassandra is there");
    } catch (error) {
      await this.#again(client, error);
    }
  }

  #onHostDown(client: Client): void {
    if (client !== this.#client || this.#closed || isThere(client)) return;
    this.#client = undefined;
    void this.#again(client, new Error("no host is up"));
  }

  /** Never rejects. */
  async #again(client: Client, error: unknown): Promise<void> {
    const reason = messageOf(error);
    // Once a second for hours would bury the rest of the log.
    if (reason !== this.#reason) this.#options.logger.warn({ err: error }, "Cassandra is away; will try again");
    this.#reason = reason;
    await end(client).catch((cause: unknown) => this.#options.logger.debug({ err: cause }, "shutdown failed"));
    if (this.#closed) return;
    this.#retry = setTimeout(() => void this.#connect(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }

  #newClient(): Client {
    const { contactPoints, localDataCenter, username, password } = this.#options;
    return new Client({
      contactPoints,
      localDataCenter,
      ...(username !== undefined && password !== undefined ? { credentials: { username, password } } : {}),
      encoding: { useBigIntAsLong: true },
      policies: {
        reconnection: new policies.reconnection.ExponentialReconnectionPolicy(250, 4_000, true),
        // Every statement may be applied twice, so it may also be asked for twice, and again elsewhere when a node or its connection fails.
        speculativeExecution: new policies.speculativeExecution.ConstantSpeculativeExecutionPolicy(SECOND_NODE_MS, 1),
      },
      socketOptions: { connectTimeout: CONNECT_TIMEOUT_MS, readTimeout: READ_TIMEOUT_MS },
      pooling: { heartBeatInterval: 5_000, warmup: true },
      queryOptions: {
        prepare: true,
        isIdempotent: true,
        consistency: types.consistencies.localQuorum,
        serialConsistency: types.consistencies.localSerial,
      },
    });
  }
}

/**
 * A client that failed to begin keeps the connection that it asked first (cassandra-driver 4.10.0: `shutdown` does nothing then), and a wrong data
 * centre would leave one open with every attempt.
 */
async function end(client: Client): Promise<void> {
  const { controlConnection } = client as unknown as {
    controlConnection?: { connection?: { closeAsync?: () => Promise<void> } | null };
  };
  const first = controlConnection?.connection;
  await client.shutdown();
  await first?.closeAsync?.();
}

/**
 * Without this a client that lost every connection comes back by its contact points by itself, beside its hosts (cassandra-driver 4.10.0,
 * `ControlConnection._refreshControlConnection`): it makes hosts anew and forgets the old ones, whose timers outlive `shutdown`; and when that
 * connection is lost as well, two refreshes take it from each other, and the TypeError that follows is nobody's to catch.
 */
function keepToKnownHosts(client: Client): void {
  const { controlConnection } = client as unknown as { controlConnection: ControlConnection };
  controlConnection._refreshControlConnection = async (hosts) => {
    controlConnection.connection = controlConnection._borrowAConnection(hosts);
  };
}

interface ControlConnection {
  connection: unknown;
  _refreshControlConnection(hosts: Iterator<unknown>): Promise<void>;
  /** @throws NoHostAvailableError, upon which the caller tries again later. */
  _borrowAConnection(hosts: Iterator<unknown>): unknown;
}

const isThere = (client: Client) => client.hosts.values().some((host) => host.isUp());

function coded(error: unknown): Error {
  if (error instanceof errors.ResponseError && (error.code < TEMPORARY.first || error.code > TEMPORARY.last))
    return error;
  return new CodedError("unavailable", `Cassandra is unavailable: ${messageOf(error)}`, { cause: error });
}
