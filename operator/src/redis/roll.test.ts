import assert from "node:assert/strict";
import { test } from "node:test";
import { nextToRoll, type RedisPod } from "./roll.ts";
import type { RedisView } from "./view.ts";

const pod = (name: string, over: Partial<RedisPod> = {}): RedisPod => ({
  name,
  updated: false,
  ready: true,
  terminating: false,
  ...over,
});
const view = (master: string | undefined, linked: string[], quorum = true): RedisView => ({
  master,
  linked,
  astray: [],
  quorum,
  agreeing: quorum ? 3 : 1,
});

const next = (pods: RedisPod[], seen: RedisView, stuck = false) => nextToRoll({ pods, view: seen, servers: 3, stuck });

test("replicas first, from the last, and the master at the end", () => {
  const order: string[] = [];
  let pods = ["a", "b", "c"].map((name) => pod(name));
  for (;;) {
    const step = next(pods, view("b", ["a", "c"]));
    if (!step) break;
    order.push(step.pod);
    pods = pods.map((each) => (each.name === step.pod ? pod(each.name, { updated: true }) : each));
  }
  assert.deepEqual(order, ["c", "a", "b"]);
});

test("nothing goes while a pod is missing, on its way out, or of the newest template and not following", () => {
  const rest = [pod("a"), pod("b")];
  assert.equal(next(rest, view("a", ["b"])), undefined);
  assert.equal(next([...rest, pod("c", { terminating: true })], view("a", ["b", "c"])), undefined);
  assert.equal(next([...rest, pod("c", { updated: true })], view("a", ["b"])), undefined);
  assert.equal(next([...rest, pod("c", { updated: true, ready: false })], view("a", ["b", "c"])), undefined);
});

test("a master goes only where sentinels could make another one the master", () => {
  const pods = [pod("a"), pod("b", { updated: true }), pod("c", { updated: true })];
  assert.equal(next(pods, view("a", ["b", "c"], false)), undefined);
  assert.equal(next(pods, view("a", ["b", "c"]))?.pod, "a");
});

test("a pod that does not work is replaced before those that do, whatever the others are", () => {
  const pods = [pod("a"), pod("b", { ready: false }), pod("c", { updated: true, ready: false })];
  assert.equal(next(pods, view("a", []))?.pod, "b");
});

test("while a failover is under way nothing goes, also of what is not ready; without a master for long, what does not work goes", () => {
  const pods = [pod("a", { ready: false }), pod("b", { ready: false }), pod("c", { updated: true })];
  assert.equal(next(pods, view(undefined, [])), undefined);
  assert.equal(next(pods, view(undefined, []), true)?.pod, "b");
  assert.equal(next([pod("a"), pod("b"), pod("c")], view(undefined, []), true), undefined);
});

test("all of the newest template: nothing to do", () => {
  const pods = ["a", "b", "c"].map((name) => pod(name, { updated: true }));
  assert.equal(next(pods, view("a", ["b", "c"])), undefined);
});
