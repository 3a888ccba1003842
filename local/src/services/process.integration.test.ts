import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { accepts } from "./port.ts";
import { ServiceProcess } from "./process.ts";

test("a service dies with a process that is killed, and the next run removes its data", async () => {
  const program = `
    import { startRedis } from ${JSON.stringify(join(import.meta.dirname, "redis.ts"))};
    const redis = await startRedis();
    console.log(JSON.stringify({ pid: redis.pid, port: redis.port, directory: redis.directory }));
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(owner.stdout, "data");
  const { port, directory } = JSON.parse(String(line)) as { port: number; directory: string };
  await accepts(port);
  owner.kill("SIGKILL");
  await once(owner, "exit");
  while (
    await accepts(port).then(
      () => true,
      () => false,
    )
  )
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(existsSync(directory));
  const next = await ServiceProcess.start({ ...sleeper, ready: async () => undefined });
  assert.ok(!existsSync(directory));
  await next.stop();
  assert.ok(!existsSync(next.directory));
});

const sleeper = {
  name: "sleeper",
  command: async () => ["sleep", "1000"],
  readySeconds: 1,
  stopSeconds: 1,
};

test("a service that ends while it starts fails with the end of its log", async () => {
  const starting = ServiceProcess.start({
    ...sleeper,
    command: async () => ["sh", "-c", "echo no such disk; exit 1"],
    ready: async () => {
      throw new Error("not yet");
    },
  });
  await assert.rejects(starting, /sleeper ended while it started; the end of its log:\nno such disk/);
});

test("a service that never gets ready fails with the reason", async () => {
  const starting = ServiceProcess.start({
    ...sleeper,
    ready: async () => {
      throw new Error("port is closed");
    },
  });
  await assert.rejects(starting, /sleeper was not ready within 1 s \(port is closed\)/);
});
