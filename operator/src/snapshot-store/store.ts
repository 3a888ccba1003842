import { access, constants } from "node:fs/promises";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { type Answer, type FileAnswer, type PeerRequest, PeerServer } from "../cassandra-agent/peer-server.ts";
import { FILE_NAME, NODE_NAME, SNAPSHOT_NAME, TABLE_NAME } from "../cassandra-agent/snapshot-names.ts";
import { Tasks } from "../cassandra-agent/tasks.ts";
import { Archive } from "./archive.ts";
import { takeSnapshot } from "./take-snapshot.ts";

/** The body of `POST /snapshots/NAME`. */
export const TakeRequest = Type.Object({
  nodes: Type.Array(
    Type.Object({
      pod: Type.String({ pattern: `^${NODE_NAME}$` }),
      ip: Type.String({ pattern: "^[0-9a-fA-F.:]{3,45}$" }),
      port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535 })),
    }),
    { minItems: 1, maxItems: 100 },
  ),
  keep: Type.Integer({ minimum: 1, maximum: 1000 }),
  request: Type.Optional(Type.String({ maxLength: 253 })),
});

export interface SnapshotStoreOptions {
  readonly host: string;
  readonly port: number;
  /** Bearer token of the operator and of the agents, for which it asks itself, too. */
  readonly token: string;
  /** The volume. */
  readonly directory: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Keeps snapshots on a volume of its own: fetches them from the agents beside Cassandra, and gives them back. */
export class SnapshotStore {
  readonly #options: SnapshotStoreOptions;
  readonly #archive: Archive;
  readonly #takes = new Tasks();
  readonly #server: PeerServer;

  constructor(options: SnapshotStoreOptions) {
    this.#options = options;
    this.#archive = new Archive(options.directory);
    const { host, port, token, directory } = options;
    this.#server = new PeerServer({
      host,
      port,
      token,
      readiness: () =>
        access(directory, constants.R_OK | constants.W_OK).then(
          () => undefined,
          () => "the volume cannot be written to",
        ),
      answer: (request) => this.#answer(request),
    });
  }

  /** @returns the port that it listens on */
  listen(): Promise<number> {
    return this.#server.listen();
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async #answer({ route, body }: PeerRequest): Promise<Answer | FileAnswer | undefined> {
    if (route === "GET /snapshots") {
      const running = this.#takes.running("");
      const snapshots = await this.#archive.list();
      return { status: 200, body: { snapshots, ...(running === undefined ? {} : { running }) } };
    }
    const [, method, name, rest = ""] = SNAPSHOT_ROUTE.exec(route) ?? [];
    if (name === undefined) return undefined;
    if (method === "POST" && rest === "") return { status: 202, body: this.#take(name, body) };
    if (method !== "GET") return undefined;
    if (rest === "") return { status: 200, body: this.#takes.state(name) };
    if (rest === "/manifest") return { status: 200, body: await this.#archive.manifest(name) };
    const [, path] = FILE_ROUTE.exec(rest) ?? [];
    return path === undefined ? undefined : this.#archive.open(name, path);
  }

  #take(name: string, body: unknown) {
    if (!Value.Check(TakeRequest, body))
      throw new CodedError("snapshot_request_invalid", "a snapshot needs nodes, and how many snapshots are kept");
    const running = this.#takes.running("");
    if (running !== undefined && running !== name)
      throw new CodedError("snapshot_refused", `snapshot ${running} is on its way`);
    const { token, logger, signal } = this.#options;
    return this.#takes.start(
      name,
      () => takeSnapshot({ archive: this.#archive, token, logger, signal }, { name, ...body }),
      (error) => {
        if (error !== undefined) logger.error({ err: error, snapshot: name }, "the snapshot failed");
      },
    );
  }
}

const SNAPSHOT_ROUTE = new RegExp(`^(GET|POST) /snapshots/(${SNAPSHOT_NAME})(/.*)?$`);
const FILE_ROUTE = new RegExp(`^/files/(${NODE_NAME}/${TABLE_NAME}/${FILE_NAME})$`);
