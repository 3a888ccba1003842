import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ChatServerProcess } from "../../client/test/chat-server-process.ts";
import type { Results } from "../k6/summary.ts";
import { run } from "./run.ts";

let server: ChatServerProcess;
let folder: string;
before(async () => {
  [server, folder] = await Promise.all([ChatServerProcess.start(), mkdtemp(join(tmpdir(), "loadtest-"))]);
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** A short run against the real server. Latency is not judged: the machine that runs the tests has other things to do. */
function shortRun(env: Record<string, string> = {}) {
  const size = { rooms: 2, users: 4, rate: 3, duration: "2s" };
  return run(
    { profile: "test", size, url: server.url },
    { PATH: process.env.PATH, CHAT_JWT_SECRET: server.secret, LATENCY_P99_MS: "60000", SETTLE_SECONDS: "2", ...env },
    folder,
  );
}

const crossed = ({ thresholds }: Results) => thresholds.filter(({ ok }) => !ok).map(({ metric }) => metric);
const count = ({ metrics }: Results, name: string) => metrics[name]?.count;

test("users in rooms through the real server: every message reaches all, once; the report has it", async () => {
  const { results, json, html } = await shortRun();
  assert.deepEqual(crossed(results), []);
  assert.ok(results.passed);
  const acknowledged = count(results, "acknowledged") ?? 0;
  assert.ok(acknowledged > 20, `${acknowledged} messages`);
  assert.equal(count(results, "delivered"), acknowledged * 4);
  assert.ok((results.metrics.delivery_latency?.["p(99)"] ?? 0) > 0);
  const [text, page] = await Promise.all([readFile(json, "utf8"), readFile(html, "utf8")]);
  assert.doesNotMatch(text + page, new RegExp(server.secret));
  assert.equal(page.match(/<svg/g)?.length, 3);
  assert.ok((page.match(/<polyline[^>]*points="[\d.,\- ]+"/g)?.length ?? 0) >= 5, "every line has its points");
  assert.doesNotMatch(page, /NaN|undefined|(src|href)="/);
});

test("a message lost on purpose, one a room, is noticed", async () => {
  const { results } = await shortRun({ FAULT_DROP: "1" });
  assert.deepEqual(crossed(results), ["lost"]);
  assert.equal(count(results, "lost"), 2);
});

test("a message seen twice on purpose, one a room, is noticed", async () => {
  const { results } = await shortRun({ FAULT_DOUBLE: "1" });
  assert.deepEqual(crossed(results), ["doubled"]);
  assert.equal(count(results, "doubled"), 2);
});

test("settings that are wrong end it with their names", async () => {
  await assert.rejects(shortRun({ CHAT_JWT_SECRET: "short" }), (error: Error) => {
    assert.match(error.message, /CHAT_JWT_SECRET is required/);
    return true;
  });
});
