import { Compile } from "typebox/compile";
import type { RedisClient } from "../../redis/client.ts";
import { type FigureBoard, STALE_MS } from "./figure-board.ts";
import { ServerFigures } from "./figures.ts";

/** Hash: server id → its figures as JSON. It goes by itself once no server has put any for a while. */
const KEY = "dashboard:figures";
const EXPIRY_MS = 60_000;

const schema = Compile(ServerFigures);

/** The board of all servers on one Redis. Stale figures are judged by the servers' clocks, which a cluster keeps within seconds. */
export class RedisFigureBoard implements FigureBoard {
  readonly #redis: RedisClient;

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  async put(figures: ServerFigures): Promise<void> {
    await this.#redis.commands([
      ["hset", KEY, figures.serverId, JSON.stringify(figures)],
      ["pexpire", KEY, EXPIRY_MS],
    ]);
  }

  async read(): Promise<ServerFigures[]> {
    const entries = (await this.#redis.command("hgetall", KEY)) as Record<string, string>;
    const figures = Object.entries(entries).map(([serverId, text]) => ({ serverId, figures: parse(text) }));
    const isFresh = (each: ServerFigures | undefined) => each !== undefined && each.at > Date.now() - STALE_MS;
    const gone = figures.filter((each) => !isFresh(each.figures)).map(({ serverId }) => serverId);
    // Servers of a rollout have new names each time; without this the hash would grow as long as any server lives.
    if (gone.length > 0) await this.#redis.command("hdel", KEY, ...gone);
    return figures.map((each) => each.figures).filter((each) => each !== undefined && isFresh(each)) as ServerFigures[];
  }
}

/** Undefined for what another version of the server may have put. */
function parse(text: string): ServerFigures | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return schema.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
