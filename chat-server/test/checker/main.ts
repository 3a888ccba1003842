/** `npm run checker -- --minutes 10 --seed N`: the checker for as long as one wants. Ends with status 1 if the contract was broken. */
import { createWriteStream } from "node:fs";
import { parseArgs } from "node:util";
import { embedded, runChecker } from "./run.ts";
import type { Trace } from "./traced.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    backend: { type: "string", default: "cluster" },
    servers: { type: "string", default: "3" },
    users: { type: "string", default: "6" },
    rate: { type: "string", default: "20" },
    guests: { type: "string", default: "0" },
    trace: { type: "string" },
  },
});
const number = (name: Exclude<keyof typeof values, "trace">): number => {
  const value = Number(values[name]);
  if (!(value >= 0)) throw new RangeError(`--${name} takes a number, not ${JSON.stringify(values[name])}`);
  return value;
};
const MINUTES_FOR_ALL = 0.5;
if (values.backend !== "embedded" && values.backend !== "cluster")
  throw new RangeError(`--backend takes embedded or cluster, not ${JSON.stringify(values.backend)}`);
const started = performance.now();
const print = (text: string) =>
  process.stdout.write(`${((performance.now() - started) / 1_000).toFixed(1).padStart(6)} s  ${text}\n`);

const file = values.trace === undefined ? undefined : createWriteStream(values.trace);
const trace: Trace = (deviceId, event) =>
  void file?.write(`${JSON.stringify({ at: Math.round(performance.now() - started), deviceId, ...event })}\n`);

print(`seed ${number("seed")}`);
const { history, violations, errors, faults, carried } = await runChecker({
  seed: number("seed"),
  seconds: 60 * number("minutes"),
  ...(values.backend === "embedded" && { backend: embedded }),
  servers: number("servers"),
  users: number("users"),
  rate: number("rate"),
  guests: number("guests"),
  log: print,
  ...(file && { trace }),
});
file?.end();
print(`faults: ${JSON.stringify(faults)}`);
const refused = history.attempts.length - history.acknowledgements.length;
print(
  `${history.attempts.length} messages sent, ${history.acknowledgements.length} acknowledged, ${refused} refused to people who had left`,
);
for (const [carrier, { connections, received, acknowledged }] of Object.entries(carried))
  print(`${carrier}: ${connections} connections, ${received} messages received, ${acknowledged} sent`);
/** In a run that is long enough each has had its turn, so one that carried nothing is broken, or was never tried. */
const idle = Object.entries(carried).filter(([, { received, acknowledged }]) => received === 0 || acknowledged === 0);
if (number("minutes") >= MINUTES_FOR_ALL)
  for (const [carrier] of idle) errors.push(`${carrier} carried no message both ways`);
for (const { broken, what } of violations) print(`BROKEN ${broken}: ${what}`);
for (const error of errors) print(`ERROR ${error}`);
const isSound = violations.length === 0 && errors.length === 0;
print(isSound ? "the contract was kept" : `the contract was broken; seed ${number("seed")}`);
process.exitCode = isSound ? 0 : 1;
