import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ScalingPolicy } from "./policy.ts";
import { requiredServers, withinBounds } from "./required-servers.ts";
import { type Frame, type Incident, type Scenario, simulate } from "./simulation.ts";
import { clientsOf } from "./traffic.ts";

const policy: ScalingPolicy = {
  min: 2,
  max: 20,
  connectionsPerServer: 5000,
  maxConnections: 15_000,
  timing: { stabilization: 300, ramp: 60, startup: 30 },
};

const quiet: Scenario = {
  policy,
  seconds: 2 * 86_400,
  clientsAt: clientsOf({ low: 6000, high: 60_000, crowds: [], ripple: 0.02 }),
  incidents: [],
  drainSeconds: 30,
  startSeconds: 20,
  periodSeconds: 10,
};

/** What holds in every run, whatever the traffic and the incidents. */
function checkInvariants(frames: readonly Frame[], scenario: Scenario): void {
  const { min, max } = scenario.policy;
  for (const [index, frame] of frames.entries()) {
    const before = frames[index - 1];
    const at = `at ${frame.at} s`;
    assert.ok(frame.serving >= min && frame.serving <= max, `${frame.serving} serving, ${at}`);
    assert.ok(frame.draining <= 1, `${frame.draining} drain at once, ${at}`);
    assert.ok(frame.removed.length <= 1, `${frame.removed.length} removed at once, ${at}`);
    if (!before) continue;
    if (frame.wanted < before.serving) {
      assert.equal(frame.wanted, before.serving - 1, `more than one down, ${at}`);
      assert.ok(frame.complete, `down without all counts, ${at}`);
      const needed = withinBounds(requiredServers(frame.connected, scenario.policy), scenario.policy);
      assert.ok(frame.wanted >= needed, `down to ${frame.wanted} where ${needed} are needed, ${at}`);
    }
  }
}

/** Evaluations in a row in which clients found no room although more servers would have been allowed. */
function longestRefusal(frames: readonly Frame[]): number {
  let longest = 0;
  let current = 0;
  for (const { clients, connected } of frames) {
    current = connected < clients * 0.9 ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}

test("two days of ordinary traffic: the servers follow it, with few changes and nobody cut", () => {
  const frames = simulate(quiet);
  checkInvariants(frames, quiet);
  assert.ok(frames.every(({ removed }) => removed.every((connections) => connections < 1)));
  const changes = frames.filter((frame, index) => index > 0 && frame.serving !== frames[index - 1]?.serving).length;
  assert.ok(changes <= 60, `${changes} changes in two days`);
  const fullest = Math.max(...frames.map(({ connected, ready }) => connected / ready));
  assert.ok(fullest <= policy.connectionsPerServer * 1.05, `${fullest} on a server`);
  assert.equal(Math.max(...frames.map(({ serving }) => serving)), 13);
  assert.equal(frames.at(-1)?.serving, 2);
});

test("a flash crowd is met within a minute or two, and outlasted", () => {
  const crowd = { at: 10_000, clients: 40_000, rampSeconds: 60, seconds: 1800 };
  const scenario = {
    ...quiet,
    seconds: 20_000,
    clientsAt: clientsOf({ low: 8000, high: 8000, crowds: [crowd], ripple: 0 }),
  };
  const frames = simulate(scenario);
  checkInvariants(frames, scenario);
  // Six times the clients within a minute fill what is there before anything can start: a minute of refusals is the bound.
  assert.ok(longestRefusal(frames) <= 6, `${longestRefusal(frames)} evaluations`);
  const after = frames.find(({ at }) => at === 10_120);
  assert.ok((after?.ready ?? 0) >= 10, `${after?.ready} ready two minutes later`);
  assert.equal(frames.at(-1)?.serving, 2);
});

test("on a steady ramp no server is fuller than its target while the next one starts", () => {
  const scenario = { ...quiet, seconds: 3600, clientsAt: (second: number) => 8000 + 10 * Math.max(0, second) };
  const ahead = simulate(scenario);
  const fullest = (frames: Frame[]) => Math.max(...frames.slice(12).map(({ connected, ready }) => connected / ready));
  assert.ok(fullest(ahead) <= policy.connectionsPerServer, String(fullest(ahead)));
  const blind = { ...scenario, policy: { ...policy, timing: { ...policy.timing, startup: 0 } } };
  assert.ok(fullest(simulate(blind)) > fullest(ahead), "without looking ahead it is worse");
});

test("a lost metrics reader takes no server away, however long it is lost", () => {
  const lost: Incident = { at: 30_000, type: "counts-lost", seconds: 40_000, all: true };
  const frames = simulate({ ...quiet, incidents: [lost] });
  const during = frames.filter(({ at }) => at >= lost.at + 60 && at < lost.at + lost.seconds);
  assert.equal(new Set(during.map(({ serving }) => serving)).size, 1);
  assert.ok(during.every(({ reason }) => reason === "CountsMissing"));
});

test("a dead pod's clients are taken over by the rest, and no server is asked for because they come back", () => {
  const dies: Incident = { at: 7200, type: "pod-dies" };
  const scenario = { ...quiet, seconds: 14_400, clientsAt: () => 22_000, incidents: [dies] };
  const frames = simulate(scenario);
  checkInvariants(frames, scenario);
  assert.ok(frames.slice(60).every(({ serving }) => serving === 5));
  const soon = frames.find(({ at }) => at === 7320);
  assert.ok((soon?.connected ?? 0) > 21_900, `${soon?.connected} connected two minutes later`);
});

test("an operator that starts anew during a drain ends it and begins no second one", () => {
  const restarts: Incident[] = Array.from({ length: 40 }, (_, index) => ({
    at: 60_000 + index * 700,
    type: "operator-restarts",
  }));
  const scenario = { ...quiet, seconds: 90_000, incidents: restarts };
  const frames = simulate(scenario);
  checkInvariants(frames, scenario);
  assert.equal(frames.at(-1)?.serving, 2);
});

test("the invariants hold for any traffic and any incidents", () => {
  const seconds = 5_000;
  const at = fc.integer({ min: 0, max: seconds });
  const incident = fc.oneof(
    fc.record({ at, type: fc.constant("pod-dies" as const) }),
    fc.record({
      at,
      type: fc.constant("counts-lost" as const),
      seconds: fc.integer({ min: 1, max: 2000 }),
      all: fc.boolean(),
    }),
    fc.record({ at, type: fc.constant("operator-restarts" as const) }),
  );
  const crowd = fc.record({
    at,
    clients: fc.integer({ min: 0, max: 80_000 }),
    rampSeconds: fc.integer({ min: 1, max: 600 }),
    seconds: fc.integer({ min: 60, max: 2000 }),
  });
  const bounds = fc.record({ min: fc.integer({ min: 1, max: 4 }), more: fc.integer({ min: 0, max: 16 }) });
  const load = fc.record({
    low: fc.integer({ min: 0, max: 20_000 }),
    crowds: fc.array(crowd, { maxLength: 4 }),
    maxConnections: fc.integer({ min: 5000, max: 15_000 }),
    stabilization: fc.integer({ min: 10, max: 600 }),
    drainSeconds: fc.integer({ min: 0, max: 120 }),
    periodSeconds: fc.constantFrom(2, 5, 10, 15),
  });
  fc.assert(
    fc.property(bounds, load, fc.array(incident, { maxLength: 6 }), ({ min, more }, chosen, incidents) => {
      const { low, crowds, maxConnections, stabilization, drainSeconds, periodSeconds } = chosen;
      const scenario: Scenario = {
        policy: { ...policy, min, max: min + more, maxConnections, timing: { ...policy.timing, stabilization } },
        seconds,
        clientsAt: clientsOf({ low, high: low, crowds, ripple: 0.05 }),
        incidents,
        drainSeconds,
        startSeconds: 20,
        periodSeconds,
      };
      checkInvariants(simulate(scenario), scenario);
    }),
    { numRuns: 25 },
  );
});
