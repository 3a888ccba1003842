import assert from "node:assert/strict";
import { test } from "node:test";
import { CodedError } from "@chatcluster/foundation/errors";
import type { KubernetesObject } from "../runtime/index.ts";
import { quietLogger } from "../runtime/testing/api.ts";
import { FakeClock } from "../runtime/testing/fake-clock.ts";
import { sampleCluster } from "../testing/sample.ts";
import type { ConcernContext } from "./dependencies.ts";
import { ServerDrain } from "./drain-servers.ts";
import { ServerReadings } from "./server-readings.ts";
import type { ServerStatus } from "./server-status-client.ts";

const clock = new FakeClock();

function pod(name: string, annotations: Record<string, string> = {}): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid: `uid-${name}`, annotations },
    status: { phase: "Running", podIP: "192.0.2.1", conditions: [{ type: "Ready", status: "True" }] },
  };
}

const serving = (serverId: string, connections: number): ServerStatus => ({
  serverId,
  connections,
  draining: false,
  drained: false,
});

/** What the drain did, in order. */
function scripted(answer: (pod: string) => ServerStatus) {
  const did: string[] = [];
  const context = {
    logger: quietLogger,
    signal: new AbortController().signal,
    client: {
      mergePatch: async (
        _kind: unknown,
        { name }: { name: string },
        patch: { metadata: { annotations: Record<string, string> } },
      ) => {
        did.push(`mark ${name}`);
        return pod(name, patch.metadata.annotations);
      },
      delete: async (_kind: unknown, { name }: { name: string }) => void did.push(`delete ${name}`),
    },
    informers: { pods: { observe: () => undefined } },
    events: { record: (_: unknown, { reason }: { reason: string }) => void did.push(`event ${reason}`) },
    serverStatus: {
      drain: async ({ pod: name }: { pod: string }) => {
        did.push(`drain ${name}`);
        return answer(name);
      },
    },
  } as unknown as ConcernContext;
  return { did, context };
}

function advance(context: ConcernContext, pods: KubernetesObject[], statuses: ServerStatus[], desired: number) {
  return new ServerDrain(clock, new ServerReadings(clock)).advance(context, sampleCluster(), {
    pods,
    statuses: new Map(statuses.map((status) => [status.serverId, status])),
    replicas: pods.length,
    desired,
    adminTokens: ["t"],
  });
}

test("the emptiest server is marked before it is asked to drain, and the number stays meanwhile", async () => {
  const { did, context } = scripted((name) => ({ ...serving(name, 3), draining: true }));
  const outcome = await advance(context, [pod("full"), pod("empty")], [serving("full", 90), serving("empty", 3)], 1);
  assert.deepEqual(did, ["mark empty", "drain empty", "event DrainStarted"]);
  assert.equal(outcome.replicas, 2);
  assert.deepEqual(outcome.draining, ["empty"]);
  assert.ok((outcome.waitMs ?? 0) > 0);
});

test("a server that does not take the drain is asked again later, not in a circle", async () => {
  for (const answer of [
    () => {
      throw new CodedError("chat_server_unreachable", "pod empty does not answer");
    },
    (name: string) => serving(name, 3),
  ]) {
    const { did, context } = scripted(answer);
    const outcome = await advance(context, [pod("full"), pod("empty")], [serving("full", 90), serving("empty", 3)], 1);
    assert.equal(did.filter((each) => each === "drain empty").length, 1);
    assert.equal(outcome.replicas, 2);
    assert.ok((outcome.waitMs ?? 0) > 0);
  }
});

test("once it has drained the number falls", async () => {
  const { did, context } = scripted(() => assert.fail("must not be asked"));
  const started = { "chatcluster.dev/drain-started-at": clock.now().toISOString() };
  const drained = { serverId: "empty", connections: 0, draining: true, drained: true };
  const outcome = await advance(context, [pod("full"), pod("empty", started)], [serving("full", 90), drained], 1);
  assert.deepEqual(did, ["event ScaledDown"]);
  assert.equal(outcome.replicas, 1);
});

test("more servers come at once", async () => {
  const { context } = scripted(() => assert.fail("must not be asked"));
  const outcome = await advance(context, [pod("full")], [serving("full", 900)], 3);
  assert.equal(outcome.replicas, 3);
});
