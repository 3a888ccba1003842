import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import {
  ensureProcess,
  logFile,
  type ProcessFolders,
  recordedProcesses,
  runningProcess,
  stopProcess,
} from "./managed-process.ts";
import { identify, isAlive, parseStat } from "./process-identity.ts";

describe("a managed process", () => {
  let folder: string;
  let folders: ProcessFolders;
  const sleeper = { name: "sleeper", command: ["sleep", "300"] };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "processes-"));
    folders = { processes: join(folder, "processes"), logs: join(folder, "logs") };
  });
  afterEach(async () => {
    for (const name of recordedProcesses(folders)) await stopProcess(folders, name, "SIGKILL");
  });
  after(() => rmSync(folder, { recursive: true }));

  it("is started once, and again only when what it depends on has changed", async () => {
    assert.equal(await ensureProcess(folders, sleeper), true);
    const first = runningProcess(folders, "sleeper");
    assert.ok(first);
    assert.equal(await ensureProcess(folders, sleeper), false);
    assert.deepEqual(runningProcess(folders, "sleeper"), first);
    assert.equal(await ensureProcess(folders, { ...sleeper, reads: ["another configuration"] }), true);
    assert.equal(isAlive(first), false);
    assert.notEqual(runningProcess(folders, "sleeper")?.pid, first.pid);
  });

  it("is started anew after it was killed", async () => {
    await ensureProcess(folders, sleeper);
    const first = runningProcess(folders, "sleeper");
    assert.ok(first);
    process.kill(first.pid, "SIGKILL");
    await until(() => !runningProcess(folders, "sleeper"), "the sleeper ends", 5_000, { every: 5 });
    assert.deepEqual(recordedProcesses(folders), ["sleeper"]);
    assert.equal(await ensureProcess(folders, sleeper), true);
  });

  it("ends on SIGTERM, else on SIGKILL, and is forgotten", async () => {
    const deaf = { name: "deaf", command: ["bash", "-c", "trap '' TERM; echo deaf; while :; do sleep 300; done"] };
    await ensureProcess(folders, deaf);
    await until(() => readFileSync(logFile(folders, "deaf"), "utf8") === "deaf\n", "deaf starts", 5_000, { every: 5 });
    const running = runningProcess(folders, "deaf");
    assert.ok(running);
    await stopProcess(folders, "deaf", "SIGKILL");
    assert.equal(isAlive(running), false);
    assert.deepEqual(recordedProcesses(folders), []);
    await stopProcess(folders, "deaf");
  });

  it("is known by its start time too, so that another process with its id is left alone", async () => {
    await ensureProcess(folders, sleeper);
    const running = runningProcess(folders, "sleeper");
    assert.ok(running);
    assert.equal(isAlive({ ...running, startTime: String(Number(running.startTime) - 1) }), false);
  });

  it("is the child where the command that enters its namespaces stays", async () => {
    const entered = { name: "entered", enter: ["unshare", "--fork"], forks: true, command: ["sleep", "301"] };
    await ensureProcess(folders, entered);
    const running = runningProcess(folders, "entered");
    assert.ok(running);
    const program = () => readFileSync(`/proc/${running.pid}/cmdline`, "utf8").includes("sleep");
    await until(program, "the child is the program", 5_000, { every: 5 });
  });

  it("that can't be started is an error which names it", async () => {
    await assert.rejects(ensureProcess(folders, { name: "absent", command: ["/nonexistent/program"] }), {
      code: "process_failed",
      message: /absent/,
    });
  });

  it("sees none of the caller's environment but its PATH", async () => {
    process.env.CHATCLUSTER_TEST_SECRET = "seen";
    try {
      await ensureProcess(folders, {
        name: "env",
        command: ["sh", "-c", "env; echo end; sleep 300"],
        env: { WANTED: "yes" },
      });
      const log = await until(
        () => {
          const text = readFileSync(logFile(folders, "env"), "utf8");
          return text.includes("end") && text;
        },
        "env is printed",
        5_000,
        { every: 5 },
      );
      assert.match(log, /^WANTED=yes$/m);
      assert.doesNotMatch(log, /CHATCLUSTER_TEST_SECRET/);
    } finally {
      delete process.env.CHATCLUSTER_TEST_SECRET;
    }
  });
});

describe("the line of /proc/PID/stat", () => {
  const rest = "1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 10";

  it("is read whatever the program's name is", () => {
    assert.deepEqual(parseStat(7, `7 (a) b (c) S ${rest}`), { pid: 7, startTime: "4711" });
  });

  it("tells that a zombie runs no more", () => {
    assert.equal(parseStat(7, `7 (sleep) Z ${rest}`), undefined);
  });

  it("of this very process is found", () => {
    const own = identify(process.pid);
    assert.ok(own && isAlive(own));
  });
});
