import assert from "node:assert/strict";
import { test } from "node:test";
import { runChecker } from "./run.ts";

const SECONDS = Number(process.env.CHECKER_SECONDS ?? 35);

test("under kills, pauses, drains, restarts of Redis and cut connections the contract is kept", async (t) => {
  const seed = Number(process.env.CHECKER_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}; again with CHECKER_SEED=${seed}`);
  const log: string[] = [];
  const { history, violations, errors, faults, carried } = await runChecker({
    seed,
    seconds: SECONDS,
    servers: 3,
    users: 6,
    rate: 20,
    guests: 0.02,
    log: (text) => log.push(text),
  });
  const story = `seed ${seed}\n${log.join("\n")}`;
  assert.deepEqual(violations, [], story);
  assert.deepEqual(errors, [], story);
  assert.ok(history.acknowledgements.length > SECONDS, `only ${history.acknowledgements.length} messages; ${story}`);
  for (const [carrier, { received, acknowledged }] of Object.entries(carried))
    assert.ok(received > 0 && acknowledged > 0, `${carrier} carried ${JSON.stringify(carried)}; ${story}`);
  assert.ok(Object.keys(faults).length >= 3, `only ${JSON.stringify(faults)}; ${story}`);
});
