import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { type KubernetesObject, Lease } from "./index.ts";
import { LeaderElection } from "./leader-election.ts";
import { countingClient, quietLogger } from "./testing/api.ts";
import { FakeClock } from "./testing/fake-clock.ts";

let server: ApiServer;

before(async () => {
  server = await startApiServer();
});
after(() => server.stop());

/** Candidates for one real Lease, each with a clock of its own. */
function candidate(lease: string, name: string) {
  const { client } = countingClient(server.kubeconfig, { timeoutMs: 2_000 });
  const clock = new FakeClock();
  const options = { client, clock, logger: quietLogger, candidate: name, lease: { namespace: "default", name: lease } };
  return { client, clock, election: new LeaderElection(options), stop: new AbortController() };
}

const holderOf = (lease: KubernetesObject) => (lease.spec as { holderIdentity: string }).holderIdentity;
const never = new AbortController().signal;

/** Moves the clock on in retry periods until the promise is settled. */
async function drive<Value>(clock: FakeClock, promise: Promise<Value>): Promise<Value> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  await until(() => {
    // Real requests need real time: the clock of leases moves by 100 ms for each 20 ms of it.
    if (!isSettled) clock.advance(100);
    return isSettled;
  }, "it is settled");
  return promise;
}

test("candidates that start together: exactly one becomes the leader", async () => {
  const all = Array.from({ length: 5 }, (_, index) => candidate("together", `c${index}`));
  const stop = new AbortController();
  const attempts = all.map(({ election }) => election.acquire(stop.signal));
  await Promise.race(attempts);
  const holder = holderOf(
    await (all[0] as (typeof all)[0]).client.get(Lease, { namespace: "default", name: "together" }),
  );
  assert.deepEqual(
    all.filter(({ election }) => election.isLeader).map(({ election }) => election.identity),
    [holder],
  );
  stop.abort();
  assert.equal((await Promise.all(attempts)).filter(Boolean).length, 1);
});

test("another's lease is respected until its own clock has seen no renewal for 15 s, however clocks differ", async () => {
  const [first, second] = [candidate("expiry", "first"), candidate("expiry", "second")];
  await first.election.acquire(never);
  const stop = new AbortController();
  const waiting = second.election.acquire(stop.signal);
  const startedMs = second.clock.monotonicMs();
  // The first renews no more.
  assert.equal(await drive(second.clock, waiting), true);
  const waitedMs = second.clock.monotonicMs() - startedMs;
  assert.ok(waitedMs >= 15_000 && waitedMs <= 20_000, `${waitedMs} ms`);
  const lease = await second.client.get(Lease, { namespace: "default", name: "expiry" });
  assert.equal((lease.spec as { leaseTransitions: number }).leaseTransitions, 1);
});

test("a process that was stopped past its term writes nothing from the first moment, and gives up without a request", async () => {
  const { client, clock, election } = candidate("frozen", "frozen");
  await election.acquire(never);
  election.assertLeader();
  const before = await client.get(Lease, { namespace: "default", name: "frozen" });
  const holding = election.hold(never);
  clock.freeze(10_000);
  assert.equal(election.isLeader, false);
  assert.throws(() => election.assertLeader(), { code: "not_leader" });
  clock.advance(0);
  await assert.rejects(holding, { code: "leadership_lost" });
  const after = await client.get(Lease, { namespace: "default", name: "frozen" });
  assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
});

test("a leader that cannot renew gives up at its deadline, before others may take over", async () => {
  const { clock, election } = candidate("cut", "cut");
  await election.acquire(never);
  server.pause();
  try {
    const startedMs = clock.monotonicMs();
    await assert.rejects(drive(clock, election.hold(never)), { code: "leadership_lost" });
    assert.ok(clock.monotonicMs() - startedMs < 15_000, `${clock.monotonicMs() - startedMs} ms`);
  } finally {
    server.resume();
  }
});

test("a lease that somebody else took is noticed at the next renewal, and not taken back", async () => {
  const { client, clock, election } = candidate("stolen", "robbed");
  await election.acquire(never);
  const holding = election.hold(never);
  const lease = await client.get(Lease, { namespace: "default", name: "stolen" });
  await client.update({ ...lease, spec: { ...(lease.spec as object), holderIdentity: "thief" } });
  await assert.rejects(drive(clock, holding), { code: "leadership_lost" });
  assert.equal(holderOf(await client.get(Lease, { namespace: "default", name: "stolen" })), "thief");
});

test("a released lease is taken at the next attempt", async () => {
  const [first, second] = [candidate("released", "first"), candidate("released", "second")];
  await first.election.acquire(never);
  await first.election.release();
  assert.equal(first.election.isLeader, false);
  assert.equal(await second.election.acquire(never), true);
  assert.equal(second.clock.monotonicMs(), 0);
});

test("durations that could give two leaders are refused", () => {
  const { client } = countingClient(server.kubeconfig);
  const options = { client, logger: quietLogger, candidate: "x", lease: { namespace: "default", name: "x" } };
  assert.throws(() => new LeaderElection({ ...options, leaseDurationMs: 10_000 }), { code: "invalid_leader_election" });
});
