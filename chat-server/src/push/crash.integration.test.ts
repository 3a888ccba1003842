import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";
import { type Redis, startRedis } from "@chatcluster/local/services";
import { deviceTokenOf, type WorkerSettings } from "../../test/push-crash/worker-process.ts";
import { fanOut } from "../../test/push-queue.contract.ts";
import { ApnsStandIn } from "../../test/push-stand-ins/apns-stand-in.ts";
import { connectedClient } from "../../test/support/redis-places.ts";
import { RedisPushQueue } from "./queue/redis-push-queue.ts";

const WORKER = fileURLToPath(new URL("../../test/push-crash/worker-process.ts", import.meta.url));
const LEASE_MS = 1_500;

describe("a worker that is killed", () => {
  let redis: Redis;
  let apns: ApnsStandIn;
  let folder: string;
  const children: ChildProcess[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "push-"));
    [redis, apns] = await Promise.all([startRedis(), ApnsStandIn.start()]);
    await writeFile(join(folder, "ca.pem"), apns.server.certificate);
  });
  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await apns.server.close();
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  function startWorker(): ChildProcess {
    const { teamId, keyId, topic, key } = apns;
    const settings: WorkerSettings = {
      redisUrl: redis.url,
      apnsUrl: apns.server.origin,
      ...{ teamId, keyId, topic, key },
      leaseMs: LEASE_MS,
    };
    const child = spawn(process.execPath, [WORKER, JSON.stringify(settings)], {
      env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") },
      stdio: ["ignore", "ignore", "inherit"],
    });
    children.push(child);
    return child;
  }

  async function kill(child: ChildProcess): Promise<void> {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }

  it("has exactly what it had claimed and not settled sent again, under the same ids", async (t) => {
    const client = await connectedClient({ redisUrl: redis.url });
    t.after(() => client.close());
    const options = { limit: 1_000, leaseMs: LEASE_MS, rememberMs: 60_000, onDropped: () => assert.fail() };
    const queue = new RedisPushQueue(client, "test", options);
    const users = Array.from({ length: 30 }, (_, index) => `user-${index}`);
    for (const user of users) apns.devices.add(deviceTokenOf(user));

    // Twenty are taken over and settled; of ten the answer doesn't come.
    apns.server.order(
      ...Array.from({ length: 20 }, () => "pass" as const),
      ...Array.from({ length: 10 }, () => "stall" as const),
    );
    await queue.enqueue([fanOut(users)]);
    const first = startWorker();
    await until(
      async () => apns.server.stalled === 10 && (await queue.depth()).ready === 10,
      "twenty of thirty settled",
    );
    assert.equal(apns.accepted.length, 20);
    await kill(first);
    // They had arrived, and their sender didn't live to know it.
    apns.server.release();
    await until(() => apns.accepted.length === 30, "the ten taken over");

    startWorker();
    await until(async () => (await queue.depth()).ready === 0, "everything settled");
    const times = new Map<string, number>();
    for (const { headers } of apns.accepted)
      times.set(String(headers["apns-id"]), (times.get(String(headers["apns-id"])) ?? 0) + 1);
    assert.equal(times.size, 30);
    const twice = apns.accepted.slice(20, 30).map(({ headers }) => String(headers["apns-id"]));
    for (const [id, count] of times) assert.equal(count, twice.includes(id) ? 2 : 1, id);
    assert.deepEqual(await queue.depth(), { ready: 0, delayed: 0 });
  });

  it("loses nothing when it is killed again and again, and Redis in between", async (t) => {
    const client = await connectedClient({ redisUrl: redis.url });
    t.after(() => client.close());
    const options = { limit: 1_000, leaseMs: LEASE_MS, rememberMs: 60_000, onDropped: () => assert.fail() };
    const queue = new RedisPushQueue(client, "test", options);
    const users = Array.from({ length: 100 }, (_, index) => `many-${index}`);
    for (const user of users) apns.devices.add(deviceTokenOf(user));
    const from = apns.accepted.length;
    for (let start = 0; start < users.length; start += 20)
      await queue.enqueue([fanOut(users.slice(start, start + 20))]);
    const reached = () => new Set(apns.accepted.slice(from).map(({ token }) => token));
    const stallAfter = async (count: number) => {
      const { stalled } = apns.server;
      apns.server.orderNothing();
      apns.server.order(...Array<"pass">(count).fill("pass"), ...Array<"stall">(users.length).fill("stall"));
      const child = startWorker();
      await until(() => apns.server.stalled > stalled, "some under way");
      return child;
    };
    for (const count of [0, 20, 20]) await kill(await stallAfter(count));
    const last = await stallAfter(20);
    await redis.kill();
    await redis.restart();
    await until(() => client.problem() === undefined, "Redis is back");
    await kill(last);
    assert.ok(reached().size >= 20 && reached().size <= 60, `${reached().size}`);
    apns.server.orderNothing();
    startWorker();
    await until(
      async () => reached().size === users.length && (await queue.depth()).ready === 0,
      "all reached",
      30_000,
    );
    assert.deepEqual(await queue.depth(), { ready: 0, delayed: 0 });
  });
});
