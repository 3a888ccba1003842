import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "@chatcluster/foundation/until";
import { startRedisCluster, startRedisSentinel } from "@chatcluster/local/services";
import slotOf from "cluster-key-slot";
import { keys } from "../../src/redis/keys.ts";
import { serversOn } from "../support/cluster.ts";
import type { Variables } from "../support/test-server.ts";
import { type CheckerBackend, runChecker, type Scene } from "./run.ts";

/** Of traffic between two changes. */
const PAUSE_MS = 1_000;
/**
 * For what Redis and its sentinels decide. They ask the servers for their role every 10 s, and leave a master that comes back in it for 8 s more: about
 * 20 s until it follows the new one, also on a machine with nothing else to do.
 */
const FAILOVER_MS = 90_000;

async function check(backend: (count: number, more: Variables) => Promise<CheckerBackend>, least: string[]) {
  const seed = Number(process.env.CHECKER_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const log: string[] = [];
  const options = { seed, seconds: 0, servers: 2, users: 4, rate: 40, backend };
  const { history, violations, errors, faults } = await runChecker({ ...options, log: (text) => log.push(text) });
  const story = `seed ${seed}\n${log.join("\n")}`;
  assert.deepEqual(violations, [], story);
  assert.deepEqual(errors, [], story);
  assert.ok(history.acknowledgements.length > 100, `only ${history.acknowledgements.length} messages; ${story}`);
  assert.deepEqual(Object.keys(faults).sort(), least.sort(), story);
}

const recovery = ({ fleet }: Scene) =>
  until(() => fleet.areReady(), "the servers to be ready again, by themselves", FAILOVER_MS);

test("Sentinel: the master is killed and hangs under traffic, and everything acknowledged arrives once and in one order", async () => {
  await check(
    async (count, more) => {
      const redis = await startRedisSentinel();
      const { sentinels, masterName } = redis;
      const variables = { CHAT_REDIS_SENTINELS: sentinels, CHAT_REDIS_SENTINEL_MASTER: masterName };
      return {
        servers: await serversOn(variables, count, more),
        async disturb(scene) {
          await delay(PAUSE_MS);
          const [first] = redis.servers;
          assert.ok(first);
          await first.kill();
          await until(async () => (await redis.master()) !== first, "another master", FAILOVER_MS);
          await recovery(scene);
          await delay(PAUSE_MS);
          await first.restart();
          const second = await redis.master();
          await until(() => redis.canFailOver(), "a replica to promote", FAILOVER_MS);
          second.pause();
          await until(async () => (await redis.master()) === first, "the first one promoted again", FAILOVER_MS);
          // The servers hear of it from the sentinels, and leave.
          await delay(500);
          await recovery(scene);
          // It still takes itself for the master until it is told.
          second.resume();
          await delay(PAUSE_MS);
          await recovery(scene);
          return { killed: 1, hung: 1 };
        },
        stop: () => redis.stop(),
      };
    },
    ["killed", "hung"],
  );
});

test("Cluster: slots move and a master is killed under traffic, and everything acknowledged arrives once and in one order", async () => {
  await check(
    async (count, more) => {
      const redis = await startRedisCluster({ replicas: 1 });
      return {
        servers: await serversOn({ CHAT_REDIS_CLUSTER_NODES: redis.nodes }, count, more),
        async disturb(scene) {
          const slots = [...new Set(scene.conversationIds.map((id) => slotOf(keys.conversation(id))))];
          await delay(PAUSE_MS);
          for (const slot of slots) {
            const from = await redis.masterOf(slot);
            const [first, second] = redis.servers;
            const to = from === first ? second : first;
            assert.ok(to);
            await redis.moveSlot(slot, to, () => delay(20));
          }
          await delay(PAUSE_MS);
          const [first] = redis.servers;
          assert.ok(first);
          const slot = 0;
          assert.equal(await redis.masterOf(slot), first);
          await first.kill();
          await until(
            async () => ![first, undefined].includes(await redis.masterOf(slot)),
            "its replica promoted",
            FAILOVER_MS,
          );
          await recovery(scene);
          await delay(PAUSE_MS);
          return { moved: slots.length, killed: 1 };
        },
        stop: () => redis.stop(),
      };
    },
    ["moved", "killed"],
  );
});
