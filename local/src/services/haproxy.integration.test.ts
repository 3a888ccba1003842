import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { startHaproxy } from "./haproxy.ts";

test("HAProxy balances with the given configuration, and obeys its runtime API", async (t) => {
  const server = createServer((_, response) => response.end("from the server")).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const backend = (server.address() as AddressInfo).port;
  await using haproxy = await startHaproxy({
    config: ({ port, socket }) => `
global
  stats socket ${socket} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server one 127.0.0.1:${backend}
`,
  });
  const url = `http://127.0.0.1:${haproxy.port}/`;
  assert.equal(await (await fetch(url)).text(), "from the server");
  assert.match(await haproxy.runtime("show servers state"), /one 127\.0\.0\.1/);
  assert.equal(await haproxy.runtime("set server out/one state maint"), "");
  assert.equal((await fetch(url)).status, 503);
  await haproxy.restart();
  assert.equal((await fetch(url)).status, 200);
});

test("a configuration that HAProxy refuses is shown with its line", async () => {
  const starting = startHaproxy({ config: () => "frontend in\n  bind nowhere:x\n" });
  await assert.rejects(starting, /haproxy ended.*haproxy\.cfg:2/s);
});
