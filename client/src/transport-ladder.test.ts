import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeServer, fakeClient, settle } from "../test/fake-server.ts";
import { ErrorCode } from "./index.ts";

test.beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 }));
test.afterEach(() => mock.timers.reset());

async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await settle();
}

/** A client on three transports, of which the first ones let nothing through. */
function ladder(blocked: number) {
  const rungs = [new FakeServer(), new FakeServer(), new FakeServer()] as const;
  for (const rung of rungs.slice(0, blocked)) rung.accepting = false;
  const { client } = fakeClient(rungs[0], {
    transport: rungs,
    climbAfterMs: 60_000,
    backoff: { random: () => 0.5, capMs: 500 },
  });
  return { rungs, client, attempts: () => rungs.map(({ connections }) => connections.length) };
}

test("a transport that lets nothing through gives way to the next, and is tried again from there, ever less often", async () => {
  const { rungs, client, attempts } = ladder(1);
  const connecting = client.connect();
  await settle();
  await pass(250);
  assert.deepEqual(attempts(), [2, 0, 0], "twice, for it may have been chance");
  await pass(250);
  await connecting;
  assert.deepEqual(attempts(), [2, 1, 0]);

  let lost = 0;
  client.on("disconnected", () => lost++);
  await pass(60_000);
  assert.deepEqual(attempts(), [3, 1, 0], "an attempt to climb");
  await pass(119_999);
  assert.deepEqual(attempts(), [3, 1, 0]);
  rungs[0].accepting = true;
  await pass(1);
  assert.deepEqual(attempts(), [4, 1, 0]);
  assert.equal(rungs[1].last.closedByClient?.code, 1000, "the lower one is left once the better one works");
  assert.ok(client.connected);
  assert.equal(lost, 0, "without a gap");
  await pass(3_600_000);
  assert.deepEqual(attempts(), [4, 1, 0], "from the top there is nowhere to climb");
  client.close();
});

test("after the last transport comes the first: where nothing works, everything is tried", async () => {
  const { client, attempts } = ladder(3);
  void client.connect().catch(() => undefined);
  await settle();
  for (let attempt = 1; attempt < 8; attempt++) await pass(250);
  assert.deepEqual(attempts(), [4, 2, 2]);
  client.close();
});

test("one that has worked is not left for a short outage, nor one whose server answers", async () => {
  const { rungs, client, attempts } = ladder(0);
  await client.connect();
  rungs[0].accepting = false;
  await pass(10_000);
  rungs[0].last.drop();
  await pass(250);
  await pass(250);
  rungs[0].accepting = true;
  await pass(250);
  assert.deepEqual(attempts(), [4, 0, 0]);
  assert.ok(client.connected);

  rungs[0].responder = (frame) =>
    frame.type === "login" ? { type: "error", re: frame.id, code: ErrorCode.Unavailable, message: "away" } : undefined;
  rungs[0].last.drop(4003);
  for (let attempt = 0; attempt < 10; attempt++) await pass(250);
  assert.equal(attempts()[1], 0);
  client.close();
});

test("a transport whose connections are cut again and again gives way as well", async () => {
  const { rungs, client, attempts } = ladder(0);
  await client.connect();
  for (let cut = 0; cut < 4; cut++) {
    rungs[0].last.drop();
    await pass(250);
  }
  assert.deepEqual(attempts(), [4, 1, 0]);
  client.close();
});
