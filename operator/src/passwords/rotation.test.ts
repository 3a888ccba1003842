import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleCluster } from "../testing/sample.ts";
import { rotationDueMs, rotationRequest } from "./request.ts";
import {
  acceptedOf,
  nextStep,
  phaseOf,
  type RotatingSecret,
  type RotationView,
  type Texts,
  wasRotated,
} from "./rotation.ts";
import { otherTurn } from "./turns.ts";

const REDIS = { keys: ["password"], texts: { password: "r1" } };
const CASSANDRA = { keys: ["username", "password"], texts: { username: "chat", password: "c1" } };

function view(over: Partial<RotationView> & { secrets: ReadonlyMap<string, RotatingSecret> }): RotationView {
  return {
    wanted: true,
    request: "first",
    mayBegin: true,
    storesKnow: true,
    clientsMoved: true,
    now: "2026-01-02T03:04:05Z",
    ...over,
  };
}

const make = (secret: string, key: string, current: string) =>
  key === "username" ? otherTurn(current) : `next of ${secret}`;

/** The Secrets after a step, of which only the first so many are written. */
function after(
  secrets: ReadonlyMap<string, RotatingSecret>,
  changed: ReadonlyMap<string, Texts>,
  written = changed.size,
): Map<string, RotatingSecret> {
  const kept = new Map([...changed].slice(0, written));
  return new Map([...secrets].map(([name, secret]) => [name, { ...secret, texts: kept.get(name) ?? secret.texts }]));
}

const begin = () => new Map<string, RotatingSecret>(Object.entries({ redis: REDIS, cassandra: CASSANDRA }));

test("the stores learn the next login, then it comes into use, then the one before it goes", () => {
  let secrets = begin();
  const take = (over: Partial<RotationView> = {}) => {
    const step = nextStep(view({ secrets, ...over }), make);
    if (step) secrets = after(secrets, step.changed);
    return step?.transition;
  };
  assert.equal(take(), "begin");
  assert.deepEqual(secrets.get("cassandra")?.texts, {
    username: "chat",
    password: "c1",
    "next-username": "chat_2",
    "next-password": "next of cassandra",
    "rotated-for": "first",
  });
  assert.equal(take({ storesKnow: false }), undefined, "the stores do not know it yet");
  assert.equal(take({ clientsMoved: false }), "move");
  assert.deepEqual(acceptedOf(secrets.get("cassandra") as RotatingSecret), [
    { username: "chat_2", password: "next of cassandra" },
    { username: "chat", password: "c1" },
  ]);
  assert.equal(take({ clientsMoved: false }), undefined, "somebody still has the old one");
  assert.equal(take({ storesKnow: false }), undefined);
  assert.equal(take(), "end");
  assert.deepEqual(secrets.get("redis")?.texts, {
    password: "next of redis",
    "rotated-for": "first",
    "rotated-at": "2026-01-02T03:04:05Z",
  });
  assert.equal(take({ wanted: false }), undefined);
});

test("it begins only when it is wanted and may, and goes on whatever is wanted since", () => {
  const secrets = begin();
  assert.equal(nextStep(view({ secrets, wanted: false }), make), undefined);
  assert.equal(nextStep(view({ secrets, mayBegin: false }), make), undefined);
  const { changed } = nextStep(view({ secrets }), make) ?? assert.fail("not begun");
  const begun = after(secrets, changed);
  const step = nextStep(view({ secrets: begun, wanted: false, mayBegin: false, request: undefined }), make);
  assert.equal(step?.transition, "move");
  assert.equal(step?.changed.get("redis")?.["rotated-for"], "first");
});

test("after a crash between two Secrets the one that is behind comes first, and no login of the other changes", () => {
  for (const transition of ["begin", "move", "end"] as const) {
    let secrets = begin();
    for (;;) {
      const step = nextStep(view({ secrets }), make) ?? assert.fail("at an end");
      if (step.transition === transition) {
        const crashed = after(secrets, step.changed, 1);
        const again = nextStep(view({ secrets: crashed, mayBegin: false }), make);
        assert.equal(again?.transition, transition);
        assert.deepEqual([...(again?.changed.keys() ?? [])], ["cassandra"]);
        assert.deepEqual(after(crashed, again?.changed ?? new Map()), after(secrets, step.changed));
        break;
      }
      secrets = after(secrets, step.changed);
    }
  }
});

test("at no step does a store refuse the login in use, or one that somebody may still have", () => {
  let secrets = begin();
  let held = acceptedOf(CASSANDRA)[0];
  for (let step = nextStep(view({ secrets }), make); step; step = nextStep(view({ secrets, wanted: false }), make)) {
    secrets = after(secrets, step.changed);
    const cassandra = secrets.get("cassandra") as RotatingSecret;
    const accepted = acceptedOf(cassandra);
    const isHeld = accepted.some((login) => JSON.stringify(login) === JSON.stringify(held));
    assert.ok(isHeld, `${step.transition}: ${JSON.stringify(accepted)}`);
    // Whoever starts from here on has what the Secret says; the others move before the end.
    if (step.transition === "move") held = accepted[0];
  }
  assert.equal(held?.username, "chat_2");
});

test("a Secret that was never rotated is told from one that was", () => {
  assert.equal(wasRotated(REDIS), false);
  assert.equal(phaseOf(REDIS), "settled");
  assert.equal(wasRotated({ keys: ["password"], texts: { password: "b", "next-password": "c" } }), false);
  assert.equal(wasRotated({ keys: ["password"], texts: { password: "b", "previous-password": "a" } }), true);
  assert.equal(
    wasRotated({ keys: ["password"], texts: { password: "b", "rotated-at": "2026-01-01T00:00:00Z" } }),
    true,
  );
});

test("two roles take turns", () => {
  assert.equal(otherTurn("chat"), "chat_2");
  assert.equal(otherTurn("chat_2"), "chat");
});

test("a value of the annotation counts by its first 253 letters; none and an empty one ask for nothing", () => {
  const request = (annotations?: Record<string, string>) =>
    rotationRequest({ metadata: { ...sampleCluster().metadata, ...(annotations && { annotations }) } });
  assert.equal(request(), undefined);
  assert.equal(request({ "chatcluster.dev/rotate-passwords": "" }), undefined);
  assert.equal(request({ "chatcluster.dev/rotate-passwords": "x".repeat(300) })?.length, 253);
});

test("by the days they are due from the last rotation on, or the ChatCluster's beginning", () => {
  const due = (rotationDays: number, rotatedAt?: string) => {
    const cluster = sampleCluster({ passwords: { rotationDays } });
    cluster.metadata.creationTimestamp = "2026-01-01T00:00:00Z";
    const ms = rotationDueMs(cluster, rotatedAt);
    return ms === undefined ? undefined : new Date(ms).toISOString();
  };
  assert.equal(due(0), undefined);
  assert.equal(due(30), "2026-01-31T00:00:00.000Z");
  assert.equal(due(30, "2026-02-01T00:00:00Z"), "2026-03-03T00:00:00.000Z");
});
