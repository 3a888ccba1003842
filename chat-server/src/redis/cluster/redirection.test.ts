import assert from "node:assert/strict";
import { test } from "node:test";
import { redirectionOf } from "./redirection.ts";

test("reads where a key is, as Redis writes it", () => {
  const of = (message: string) => redirectionOf(new Error(message));
  assert.deepEqual(of("MOVED 3999 127.0.0.1:6381"), { kind: "moved", slot: 3999, host: "127.0.0.1", port: 6381 });
  assert.deepEqual(of("MOVED 3999 :6381"), { kind: "moved", slot: 3999, host: "", port: 6381 });
  assert.deepEqual(of("MOVED 1 2001:db8::1:6381"), { kind: "moved", slot: 1, host: "2001:db8::1", port: 6381 });
  assert.deepEqual(of("ASK 3999 redis-2.example:6381"), { kind: "ask", host: "redis-2.example", port: 6381 });
  const text = "TRYAGAIN Multiple keys request during rehashing of slot";
  assert.deepEqual(of(text), { kind: "try_again" });
  for (const other of ["CLUSTERDOWN The cluster is down", "ERR MOVED 1 a:1", "Connection is closed."])
    assert.equal(of(other), undefined);
  assert.equal(redirectionOf("MOVED 3999 127.0.0.1:6381"), undefined);
});
