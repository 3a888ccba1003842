import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Redis, startRedis } from "@chatcluster/local/services";
import { connectedClient } from "../../../test/support/redis-places.ts";
import { DURATION_BOUNDS } from "../../admin/metrics.ts";
import type { RedisClient } from "../../redis/client.ts";
import { STALE_MS } from "./figure-board.ts";
import type { ServerFigures } from "./figures.ts";
import { RedisFigureBoard } from "./redis-figure-board.ts";

const classes = new Array<number>(DURATION_BOUNDS.length + 1).fill(0);
const figures = (serverId: string, at = Date.now(), connections = 1): ServerFigures => ({
  serverId,
  at,
  connections,
  messagesPerSecond: 0.5,
  deliveriesPerSecond: 2,
  sends: classes,
  deliveries: classes,
});

describe("the figures of all servers, on Redis", () => {
  let redis: Redis;
  let client: RedisClient;
  before(async () => {
    redis = await startRedis();
    client = await connectedClient({ redisUrl: redis.url });
  });
  after(async () => {
    client.close();
    await redis.stop();
  });
  const connectionsByServer = async () =>
    Object.fromEntries(
      (await new RedisFigureBoard(client).read()).map(({ serverId, connections }) => [serverId, connections]),
    );
  const fields = () => client.command("hkeys", "dashboard:figures") as Promise<string[]>;

  test("each server sees what every one has put last", async () => {
    await new RedisFigureBoard(client).put(figures("a"));
    await new RedisFigureBoard(client).put(figures("b", Date.now(), 5));
    await new RedisFigureBoard(client).put(figures("a", Date.now(), 7));
    assert.deepEqual(await connectionsByServer(), { a: 7, b: 5 });
  });

  test("who says nothing more is not shown, and leaves nothing behind", async () => {
    await new RedisFigureBoard(client).put(figures("gone", Date.now() - STALE_MS - 1));
    assert.ok((await fields()).includes("gone"));
    assert.equal((await connectionsByServer()).gone, undefined);
    assert.equal((await fields()).includes("gone"), false);
    const ttl = Number(await client.command("pttl", "dashboard:figures"));
    assert.ok(ttl > 0 && ttl <= 60_000, "the hash goes with the last server");
  });

  test("what is not of this version is passed over", async () => {
    for (const text of ["no JSON", "{}", JSON.stringify({ ...figures("x"), sends: [1] })])
      await client.command("hset", "dashboard:figures", "x", text);
    assert.equal((await connectionsByServer()).x, undefined);
  });
});
