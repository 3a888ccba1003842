import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Endpoint } from "./endpoints.ts";
import { type Action, planServers } from "./plan.ts";
import { assignRingIds, ringIdOf } from "./ring-id.ts";
import type { HaproxyServer } from "./server-table.ts";

const endpoint = (name: string, change: Partial<Endpoint> = {}): Endpoint => ({
  name,
  address: "10.0.0.1",
  port: 8080,
  accepting: true,
  ...change,
});

const server = (name: string, change: Partial<HaproxyServer> = {}): HaproxyServer => ({
  name,
  id: ringIdOf(name),
  address: "10.0.0.1",
  port: 8080,
  state: "ready",
  checked: true,
  up: true,
  connections: 0,
  ...change,
});

function plan(endpoints: Endpoint[], servers: HaproxyServer[], overdue = false): readonly Action[] {
  return planServers({ endpoints, servers, isOverdue: () => overdue }).actions;
}

test("where all is right, nothing is done", () => {
  assert.deepEqual(plan([endpoint("a")], [server("a")]), []);
  assert.deepEqual(plan([endpoint("a", { accepting: false })], [server("a", { state: "drain" })]), []);
});

test("a new endpoint is added, checked and enabled; one that does not accept is not added", () => {
  const a = endpoint("a");
  assert.deepEqual(plan([a], []), [
    { type: "add", name: "a", endpoint: a, id: ringIdOf("a") },
    { type: "enable-health", name: "a" },
    { type: "set-state", name: "a", state: "ready" },
  ]);
  assert.deepEqual(plan([endpoint("a", { accepting: false })], []), []);
});

test("an addition that was cut short is completed", () => {
  assert.deepEqual(plan([endpoint("a")], [server("a", { state: "maint", checked: false })]), [
    { type: "enable-health", name: "a" },
    { type: "set-state", name: "a", state: "ready" },
  ]);
});

test("not accepting: drained; accepting again: enabled", () => {
  assert.deepEqual(plan([endpoint("a", { accepting: false })], [server("a")]), [
    { type: "set-state", name: "a", state: "drain" },
  ]);
  assert.deepEqual(plan([endpoint("a")], [server("a", { state: "drain" })]), [
    { type: "set-state", name: "a", state: "ready" },
  ]);
});

test("gone: maintenance, deletion when empty, and the sessions' end only when overdue", () => {
  const types = (servers: HaproxyServer[], overdue: boolean) => plan([], servers, overdue).map(({ type }) => type);
  assert.deepEqual(types([server("a")], false), ["set-state", "delete"]);
  assert.deepEqual(types([server("a", { connections: 3 })], false), ["set-state"]);
  assert.deepEqual(types([server("a", { connections: 3, state: "maint" })], false), []);
  assert.deepEqual(types([server("a", { connections: 3, state: "maint" })], true), ["shutdown-sessions"]);
});

test("a server whose id gave way to another name keeps its connections beside its successor", () => {
  const steps = plan([endpoint("a")], [server("a", { id: 7, connections: 2 })]);
  assert.deepEqual(
    steps.map((action) => [action.type, action.name]),
    [
      ["set-state", "a"],
      ["add", `a_${ringIdOf("a")}`],
      ["enable-health", `a_${ringIdOf("a")}`],
      ["set-state", `a_${ringIdOf("a")}`],
    ],
  );
  assert.deepEqual(
    plan(
      [endpoint("a")],
      [server("a", { id: 7, connections: 2, state: "drain" }), server(`a_${ringIdOf("a")}`, { id: ringIdOf("a") })],
    ),
    [],
  );
});

test("an id that a leaving server still has is taken with other upper bits: the same place on the ring", () => {
  const [maint, added] = plan([endpoint("a")], [server("old", { id: ringIdOf("a"), connections: 1 })]);
  assert.deepEqual(maint, { type: "set-state", name: "old", state: "maint" });
  assert.ok(added?.type === "add");
  assert.deepEqual([added.name, added.id], ["a", ringIdOf("a") + 2 ** 20]);
  assert.deepEqual(plan([endpoint("a")], [server("a", { id: ringIdOf("a") + 2 ** 20 })]), []);
});

/** One action's effect on its server; undefined is deletion. Refuses what HAProxy refuses. */
function applyOne(servers: ReadonlyMap<string, HaproxyServer>, action: Action): HaproxyServer | undefined {
  const known = servers.get(action.name);
  if (action.type === "add") {
    assert.ok(!known && ![...servers.values()].some(({ id }) => id === action.id), "a name or an id twice");
    const { address, port } = action.endpoint;
    return server(action.name, { id: action.id, address, port, state: "maint", checked: false });
  }
  assert.ok(known, "No such server.");
  if (action.type === "set-state") return { ...known, state: action.state };
  if (action.type === "enable-health") return { ...known, checked: true };
  if (action.type === "shutdown-sessions") return { ...known, connections: 0 };
  assert.deepEqual([known.state, known.connections], ["maint", 0]);
  return undefined;
}

/** HAProxy, as far as a plan can change it. */
function applyAll(servers: HaproxyServer[], actions: readonly Action[]): HaproxyServer[] {
  const after = new Map(servers.map((one) => [one.name, one]));
  for (const action of actions) {
    const changed = applyOne(after, action);
    if (changed) after.set(action.name, changed);
    else after.delete(action.name);
  }
  return [...after.values()];
}

test("from any state a few passes reach the endpoints, whatever was there before, and then rest", () => {
  const names = fc.constantFrom("a", "b", "c", "d", "e");
  const address = fc.constantFrom("10.0.0.1", "10.0.0.2");
  const endpoints = fc.uniqueArray(
    fc.record({ name: names, address, port: fc.constant(8080), accepting: fc.boolean() }),
    {
      selector: ({ name }) => name,
    },
  );
  const servers = fc.uniqueArray(
    fc.record({
      name: names,
      address,
      state: fc.constantFrom("ready" as const, "drain" as const, "maint" as const),
      checked: fc.boolean(),
      connections: fc.nat(2),
    }),
    { selector: ({ name }) => name },
  );
  fc.assert(
    fc.property(endpoints, servers, (wanted, found) => {
      let now = found.map((one) => server(one.name, one));
      for (let pass = 0; pass < 5; pass += 1) now = applyAll(now, plan(wanted, now, true));
      assert.deepEqual(plan(wanted, now, true), []);
      const ids = assignRingIds(wanted.map(({ name }) => name));
      for (const { name, address: at, accepting } of wanted) {
        const match = now.find((one) => one.id % 2 ** 20 === ids.get(name) && one.address === at);
        if (accepting) assert.equal(match?.state, "ready");
        else if (match) assert.equal(match.state, "drain");
      }
    }),
  );
});
