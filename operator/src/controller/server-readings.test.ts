import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../runtime/testing/fake-clock.ts";
import { ServerReadings } from "./server-readings.ts";

const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "one", uid: "uid-one" } };
const status = (connections: number) => ({ serverId: "one", connections, draining: false, drained: false });
const never = () => assert.fail("must not fail");

test("a fresh reading is not asked for again, an old one is", async () => {
  const clock = new FakeClock();
  const readings = new ServerReadings(clock);
  let asked = 0;
  const read = async () => status(++asked);
  assert.equal((await readings.all([pod], read, never)).get("one")?.connections, 1);
  assert.equal((await readings.all([pod], read, never)).get("one")?.connections, 1);
  clock.advance(2000);
  assert.equal((await readings.all([pod], read, never)).get("one")?.connections, 2);
});

test("a failed reading is unknown, not the one before it", async () => {
  const clock = new FakeClock();
  const readings = new ServerReadings(clock);
  await readings.all([pod], async () => status(5), never);
  clock.advance(2000);
  const failures: unknown[] = [];
  const seen = await readings.all(
    [pod],
    () => Promise.reject(new Error("gone")),
    (_, error) => failures.push(error),
  );
  assert.equal(seen.get("one"), undefined);
  assert.equal(failures.length, 1);
});
