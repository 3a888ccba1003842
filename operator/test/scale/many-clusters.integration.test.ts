import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, startApiServer } from "@chatcluster/local/services";
import { type OperatorProgram, startOperatorProgram } from "../../src/testing/operator-program.ts";
import { difference, ManyClusters } from "./many-clusters.ts";

/** `npm run bench:operator` does the same with 300. */
const CLUSTERS = 40;
/** Children of an empty spec. */
const CHILDREN = 27;

let server: ApiServer;
let many: ManyClusters;
let operator: OperatorProgram;

before(async () => {
  server = await startApiServer();
  many = await ManyClusters.start(server, CLUSTERS);
  operator = await startOperatorProgram(server.kubeconfigFile);
});
after(async () => {
  await operator?.[Symbol.asyncDispose]();
  await many?.[Symbol.asyncDispose]();
  await server.stop();
});

test("many ChatClusters are made by one write a child", async () => {
  await many.create();
  await many.untilReconciled();
  await many.untilQuiet(operator);
  const writes = await operator.writes();
  const applies = [...writes].filter(([call]) => call.startsWith("apply ")).reduce((sum, [, count]) => sum + count, 0);
  assert.equal(applies, CLUSTERS * CHILDREN, JSON.stringify([...writes]));
});

test("in steady state the connections are asked for, and the API server for nothing", async () => {
  await many.runPods();
  await many.untilQuiet(operator);
  const before = await operator.requests();
  const { polls } = many;
  await until(() => many.polls >= polls + 3 * 2 * CLUSTERS, "three looks at every chat server");
  assert.deepEqual(difference(before, await operator.requests()), {});
});

test("a changed spec is written to the child that it concerns, and nothing else is", async () => {
  const before = await operator.writes();
  await many.changeLatencies(10);
  await many.untilQuiet(operator);
  const { "patch chatclusters": statuses = 0, ...writes } = difference(before, await operator.writes());
  assert.deepEqual(writes, { "apply deployments": 10, "create events": 10 });
  // The status tells of the new generation, then again when the Deployment is seen to be behind it.
  assert.ok(statuses >= 10 && statuses <= 20, `${statuses} status writes`);
});
