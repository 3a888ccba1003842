import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, type ScalingDecision, type ScalingInput } from "./decide.ts";
import { EMPTY_STATE, type ScalingState } from "./history.ts";
import type { ScalingPolicy, ServerReading } from "./policy.ts";

const policy: ScalingPolicy = {
  min: 2,
  max: 10,
  connectionsPerServer: 1000,
  maxConnections: 3000,
  timing: { stabilization: 300, ramp: 60, startup: 30 },
};

function reading(name: string, connections: number | undefined, change: Partial<ServerReading> = {}): ServerReading {
  return { name, connections, ready: true, draining: false, terminating: false, ...change };
}

/** Servers `s0`, `s1`, … with these counts. */
function readings(...counts: (number | undefined)[]): ServerReading[] {
  return counts.map((connections, index) => reading(`s${index}`, connections));
}

/** Looks at the same thing every 10 s and gives the last decision. */
function hold(
  seconds: number,
  input: Omit<ScalingInput, "state" | "now">,
  state: ScalingState = EMPTY_STATE,
  from = 0,
) {
  let decision: ScalingDecision = decide({ ...input, state, now: from });
  for (let at = 10; at <= seconds; at += 10) {
    decision = decide({ ...input, state: decision.state, now: from + at * 1000 });
  }
  return decision;
}

test("up at once and in proportion", () => {
  const decision = decide({ policy, servers: readings(3000, 3200), replicas: 2, state: EMPTY_STATE, now: 0 });
  assert.equal(decision.replicas, 7);
  assert.equal(decision.reason, "ConnectionsAboveTarget");
});

test("up no further than the maximum, and says so", () => {
  const up = decide({ policy, servers: readings(9000, 9000), replicas: 2, state: EMPTY_STATE, now: 0 });
  assert.equal(up.replicas, 10);
  const full = decide({ policy, servers: readings(...Array(10).fill(1800)), replicas: 10, state: EMPTY_STATE, now: 0 });
  assert.equal(full.replicas, 10);
  assert.equal(full.reason, "MaximumReached");
});

test("a steady ramp is met before it arrives, a steady load is not", () => {
  let state = EMPTY_STATE;
  let decision: ScalingDecision | undefined;
  for (let at = 0; at <= 60; at += 10) {
    decision = decide({ policy, servers: readings(600 + at * 5, 600 + at * 5), replicas: 2, state, now: at * 1000 });
    state = decision.state;
  }
  // 1,800 now and 10 more a second: 2,100 in 30 s, more than two servers' target.
  assert.equal(decision?.reason, "RampPredicted");
  assert.equal(decision?.replicas, 3);
  assert.equal(hold(60, { policy, servers: readings(900, 900), replicas: 2 }).reason, "AtTarget");
});

test("clients of a dead server who come back are no ramp", () => {
  const before = hold(60, { policy, servers: readings(900, 900), replicas: 2 });
  let state = before.state;
  // Until none of the last 60 s is from before: the way back alone looks like 14 clients a second.
  for (const [at, total] of [
    [70, 900],
    [80, 1050],
    [90, 1200],
    [100, 1350],
    [110, 1500],
    [120, 1650],
    [130, 1750],
  ] as const) {
    const decision = decide({ policy, servers: readings(total / 2, total / 2), replicas: 2, state, now: at * 1000 });
    assert.equal(decision.replicas, 2, `${total} connections`);
    state = decision.state;
  }
});

test("down by one, only after the stable time", () => {
  const input = { policy, servers: readings(100, 100, 100, 100), replicas: 4 };
  const early = hold(290, input);
  assert.equal(early.replicas, 4);
  assert.equal(early.reason, "Stabilizing");
  const late = hold(300, input);
  assert.equal(late.replicas, 3);
  assert.equal(late.reason, "ConnectionsBelowTarget");
});

test("a peak within the stable time keeps the servers", () => {
  const peak = decide({ policy, servers: readings(950, 950, 950, 950), replicas: 4, state: EMPTY_STATE, now: 0 });
  const after = hold(290, { policy, servers: readings(100, 100, 100, 100), replicas: 4 }, peak.state, 10_000);
  assert.equal(after.replicas, 4);
});

test("a missing or unreadable count never scales down, and begins the stable time again", () => {
  const stable = hold(300, { policy, servers: readings(100, 100, 100, 100), replicas: 4 });
  assert.equal(stable.replicas, 3);
  const blind = decide({
    policy,
    servers: readings(100, undefined, 100, 100),
    replicas: 4,
    state: stable.state,
    now: 310_000,
  });
  assert.equal(blind.replicas, 4);
  assert.equal(blind.reason, "CountsMissing");
  assert.match(blind.message, /s1/);
  const again = hold(290, { policy, servers: readings(100, 100, 100, 100), replicas: 4 }, blind.state, 320_000);
  assert.equal(again.reason, "Stabilizing");
  const absent = hold(400, { policy, servers: readings(100, 100, 100), replicas: 4 });
  assert.equal(absent.replicas, 4);
  assert.equal(absent.reason, "CountsMissing");
});

test("what is known of a cluster with missing counts may scale up", () => {
  const decision = decide({ policy, servers: readings(4500, undefined), replicas: 2, state: EMPTY_STATE, now: 0 });
  assert.equal(decision.replicas, 5);
});

test("the rest can always take over from one that dies", () => {
  const tight: ScalingPolicy = { ...policy, maxConnections: 1000 };
  // 2,500 in all: three servers reach the target, but two of them could not hold everybody.
  const input = { policy: tight, servers: readings(625, 625, 625, 625), replicas: 4 };
  const kept = hold(300, input);
  assert.equal(kept.replicas, 4);
  assert.equal(kept.reason, "HeadroomKept");
  assert.equal(hold(300, { ...input, policy }).replicas, 3);
});

test("a server more where the rest could not take over from one that dies", () => {
  const tight: ScalingPolicy = { ...policy, maxConnections: 1000 };
  const decision = decide({ policy: tight, servers: readings(600, 600), replicas: 2, state: EMPTY_STATE, now: 0 });
  assert.deepEqual([decision.replicas, decision.reason], [3, "HeadroomNeeded"]);
});

test("not while another drains or is not ready", () => {
  const [first, ...others] = readings(100, 100, 100, 100, 100);
  assert.ok(first);
  const draining = hold(300, { policy, servers: [{ ...first, draining: true, ready: false }, ...others], replicas: 5 });
  assert.equal(draining.replicas, 4);
  assert.equal(draining.reason, "DrainInProgress");
  const unready = hold(300, { policy, servers: [{ ...first, ready: false }, ...others], replicas: 5 });
  assert.equal(unready.replicas, 5);
  assert.equal(unready.reason, "ServersNotReady");
});

test("a fixed number wins over every count, within the bounds", () => {
  const fixed = { ...policy, replicas: 3 };
  for (const servers of [readings(9000, 9000), readings(undefined, undefined), readings(0, 0, 0, 0, 0)]) {
    const decision = decide({ policy: fixed, servers, replicas: servers.length, state: EMPTY_STATE, now: 0 });
    assert.equal(decision.replicas, 3);
    assert.equal(decision.reason, "FixedReplicas");
  }
  const beyond = decide({
    policy: { ...policy, replicas: 50 },
    servers: readings(1),
    replicas: 1,
    state: EMPTY_STATE,
    now: 0,
  });
  assert.equal(beyond.replicas, 10);
});

test("the bounds are kept without a stable time", () => {
  const below = decide({ policy, servers: readings(1), replicas: 1, state: EMPTY_STATE, now: 0 });
  assert.deepEqual([below.replicas, below.reason], [2, "BelowMinimum"]);
  const above = decide({
    policy: { ...policy, max: 3 },
    servers: readings(1, 1, 1, 1),
    replicas: 4,
    state: EMPTY_STATE,
    now: 0,
  });
  assert.deepEqual([above.replicas, above.reason], [3, "AboveMaximum"]);
});

test("the state is plain data: written and read back it decides the same", () => {
  const input = { policy, servers: readings(100, 100, 100, 100), replicas: 4 };
  const half = hold(150, input);
  const restored: ScalingState = JSON.parse(JSON.stringify(half.state));
  assert.deepEqual(hold(150, input, restored, 160_000), hold(150, input, half.state, 160_000));
});

test("a time in which nobody looked is not counted as stable", () => {
  const input = { policy, servers: readings(100, 100, 100, 100), replicas: 4 };
  const half = hold(200, input);
  const resumed = decide({ ...input, state: half.state, now: 700_000 });
  assert.equal(resumed.reason, "Stabilizing");
});

test("the state stays small however often one looks", () => {
  const servers = readings(100, 100, 100, 100);
  let state = EMPTY_STATE;
  for (let at = 0; at < 600_000; at += 50) state = decide({ policy, servers, replicas: 4, state, now: at }).state;
  assert.ok(state.history.length <= 1300, String(state.history.length));
  assert.equal(decide({ policy, servers, replicas: 4, state, now: 600_000 }).reason, "ConnectionsBelowTarget");
});
