import assert from "node:assert/strict";
import { test } from "node:test";
import { type HaproxyConfigOptions, renderHaproxyConfig } from "./haproxy-config.ts";

const options: HaproxyConfigOptions = {
  hashOn: "user",
  balanceFactor: 0,
  drainSeconds: 30,
  maxConnections: 10_000,
  connectionRatePerAddress: 0,
  accessLog: true,
};

test("the file holds no server and no trace of discovery, so that it changes only with the spec", () => {
  const config = renderHaproxyConfig(options);
  assert.doesNotMatch(config, /^\s*server(-template)? /m);
  assert.equal(config, renderHaproxyConfig({ ...options }));
});

test("a user is found in the bearer token, then in the query's token, then in the query's user", () => {
  const rules = renderHaproxyConfig(options)
    .split("\n")
    .filter((line) => line.includes("txn.affinity) "));
  assert.deepEqual(
    rules.slice(0, 3).map((line) => /txn\.affinity\) (\w+(\(\w+\))?)/.exec(line)?.[1]),
    ["http_auth_bearer", "url_param(token)", "url_param(user)"],
  );
});

test("a conversation, where the spec says so, goes before the user", () => {
  const config = renderHaproxyConfig({ ...options, hashOn: "conversation" });
  assert.ok(config.indexOf("url_param(conversation)") > 0);
  assert.ok(config.indexOf("url_param(conversation)") < config.indexOf("http_auth_bearer"));
});

test("bounded loads and connection rates are left out where they are off", () => {
  const off = renderHaproxyConfig(options);
  assert.doesNotMatch(off, /hash-balance-factor|stick-table/);
  const on = renderHaproxyConfig({ ...options, balanceFactor: 150, connectionRatePerAddress: 20 });
  assert.match(on, /hash-balance-factor 150/);
  assert.match(on, /sc0_conn_rate gt 20 /);
  assert.match(on, /sc0_conn_rate gt 80 /);
});

test("the PROXY protocol is asked for at the clients' port only", () => {
  assert.doesNotMatch(renderHaproxyConfig(options), /accept-proxy/);
  const lines = renderHaproxyConfig({ ...options, proxyProtocol: true }).split("\n");
  assert.deepEqual(
    lines.filter((line) => line.includes("accept-proxy")).map((line) => line.trim()),
    ["bind :8080 accept-proxy"],
  );
});

test("streams and polls of the chat server get through: no wait is cut short, nothing is held back", () => {
  const config = renderHaproxyConfig(options);
  const seconds = (side: string) => Number(new RegExp(`timeout ${side} (\\d+)s`).exec(config)?.[1]);
  // chat-server/PROTOCOL.md: a poll holds for 50 s at most, a stream says something every 15 s.
  for (const side of ["client", "server"]) assert.ok(seconds(side) > 50 + 10, side);
  assert.match(config, /option http-no-delay/);
  assert.doesNotMatch(config, /http-buffer-request|filter compression|compression algo|wait-for-body/);
  // A frame that was sent may have been stored: only what never left may go to another server.
  assert.match(config, /retry-on conn-failure$/m);
});

test("the drain bounds how long an old process lives", () => {
  assert.match(renderHaproxyConfig({ ...options, drainSeconds: 45 }), /hard-stop-after 45s/);
});

test("the access log never holds a query string", () => {
  const log = /log-format (.*)/.exec(renderHaproxyConfig(options))?.[1] ?? "";
  assert.match(log, /txn\.path/);
  assert.doesNotMatch(log, /%HU|%HQ|%r\b|%HPO|query|url/);
});

test("a number that HAProxy would refuse is refused by its name", () => {
  const wrong: [Partial<HaproxyConfigOptions>, RegExp][] = [
    [{ balanceFactor: 100 }, /balanceFactor 100/],
    [{ drainSeconds: 0 }, /drainSeconds/],
    [{ maxConnections: 1.5 }, /maxConnections/],
    [{ connectionRatePerAddress: -1 }, /connectionRatePerAddress/],
    [{ threads: 65 }, /threads/],
  ];
  for (const [change, message] of wrong) {
    assert.throws(() => renderHaproxyConfig({ ...options, ...change }), { code: "invalid_ingress_options", message });
  }
});
