import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  type Claimed,
  type DeviceDelivery,
  decodeJob,
  type PushJob,
  type PushQueue,
  type PushQueueOptions,
  type QueueDepth,
} from "../push-queue.ts";

/** Forward only: a schema change is a new entry at the end. `user_version` says how many have been applied. */
const MIGRATIONS = [
  `CREATE TABLE push_jobs (
     id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, due_at INTEGER NOT NULL, leased_until INTEGER NOT NULL DEFAULT 0);
   CREATE INDEX push_jobs_by_due ON push_jobs (due_at, id);
   CREATE TABLE push_seen (message_id TEXT, user_id TEXT, device_id TEXT, until INTEGER NOT NULL,
     PRIMARY KEY (message_id, user_id, device_id)) WITHOUT ROWID;
   CREATE INDEX push_seen_by_end ON push_seen (until);`,
];

type Value = string | number;

/** The queue of the embedded default, in an SQLite file of its own. */
export class EmbeddedPushQueue implements PushQueue {
  readonly #database: DatabaseSync;
  readonly #options: PushQueueOptions;
  readonly #statements = new Map<string, StatementSync>();

  /** @param file its path, or `:memory:` */
  constructor(file: string, options: PushQueueOptions) {
    this.#options = options;
    this.#database = new DatabaseSync(file);
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000");
    const version = this.#number("PRAGMA user_version", "user_version");
    MIGRATIONS.slice(version).forEach((migration, index) => {
      this.#database.exec(`BEGIN IMMEDIATE; ${migration}; PRAGMA user_version = ${version + index + 1}; COMMIT`);
    });
  }

  async start(): Promise<void> {
    // One process works on the file, so what is leased was leased by one that is gone.
    this.#run("UPDATE push_jobs SET leased_until = 0");
    this.#run("DELETE FROM push_seen WHERE until <= ?", Date.now());
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  async enqueue(jobs: readonly PushJob[]): Promise<void> {
    this.#transaction(() => {
      for (const job of jobs) this.#insert(job, 0);
      this.#bound();
    });
  }

  async claim(limit: number): Promise<Claimed[]> {
    const now = Date.now();
    return this.#transaction(() => {
      // As in the twin, those first whose holder is gone.
      const rows = this.#prepare(
        "SELECT id, body FROM push_jobs WHERE due_at <= ?1 AND leased_until <= ?1 ORDER BY leased_until = 0, due_at, id LIMIT ?2",
      ).all(now, limit) as { id: number; body: string }[];
      for (const { id } of rows)
        this.#run("UPDATE push_jobs SET leased_until = ? WHERE id = ?", now + this.#options.leaseMs, id);
      return rows.map(({ id, body }) => ({ id: String(id), job: decodeJob(body) }));
    });
  }

  async expand(claimed: Claimed, deliveries: readonly DeviceDelivery[]): Promise<void> {
    this.#transaction(() => {
      if (!this.#remove(claimed)) return;
      const now = Date.now();
      this.#run("DELETE FROM push_seen WHERE until <= ?", now);
      for (const job of deliveries) {
        const { message, userId, deviceId } = job;
        const until = now + this.#options.rememberMs;
        const isNew = this.#run(
          "INSERT OR IGNORE INTO push_seen VALUES (?, ?, ?, ?)",
          message.id,
          userId,
          deviceId,
          until,
        );
        if (isNew > 0) this.#insert(job, 0);
      }
      this.#bound();
    });
  }

  async done(claimed: Claimed): Promise<void> {
    this.#remove(claimed);
  }

  async retry(claimed: Claimed, job: PushJob, delayMs: number): Promise<void> {
    this.#transaction(() => {
      if (!this.#remove(claimed)) return;
      this.#insert(job, delayMs);
      this.#bound();
    });
  }

  async depth(): Promise<QueueDepth> {
    const now = Date.now();
    const count = (comparison: string) =>
      this.#number(`SELECT count(*) AS count FROM push_jobs WHERE due_at ${comparison} ?`, "count", now);
    return { ready: count("<="), delayed: count(">") };
  }

  #insert(job: PushJob, delayMs: number): void {
    this.#run(
      "INSERT INTO push_jobs (body, due_at) VALUES (?, ?)",
      JSON.stringify(job),
      Date.now() + Math.ceil(delayMs),
    );
  }

  #remove(claimed: Claimed): boolean {
    return this.#run("DELETE FROM push_jobs WHERE id = ?", Number(claimed.id)) > 0;
  }

  #bound(): void {
    const now = Date.now();
    // Ready: the oldest go. Delayed: those that would wait longest have failed most often.
    const drop = (comparison: string, order: string) =>
      this.#run(
        `DELETE FROM push_jobs WHERE id IN (
           SELECT id FROM push_jobs WHERE due_at ${comparison} ?1 ORDER BY ${order} LIMIT max(0,
             (SELECT count(*) FROM push_jobs WHERE due_at ${comparison} ?1) - ?2))`,
        now,
        this.#options.limit,
      );
    const dropped = drop("<=", "id") + drop(">", "due_at DESC");
    if (dropped > 0) this.#options.onDropped(dropped);
  }

  #transaction<Result>(work: () => Result): Result {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #run(sql: string, ...values: Value[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  #number(sql: string, column: string, ...values: Value[]): number {
    return Number(this.#prepare(sql).get(...values)?.[column] ?? 0);
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, known);
    return known;
  }
}
