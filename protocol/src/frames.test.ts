import assert from "node:assert/strict";
import { test } from "node:test";
import { Value } from "typebox/value";
import { type ClientFrame, clientFrames, mayReconnect, ServerFrame } from "./index.ts";

test("a frame with an unknown field, a missing one or one out of bounds does not pass", () => {
  const send: ClientFrame = { type: "send", id: 1, conversationId: "c1", clientId: "m1", text: "hello" };
  assert.ok(Value.Check(clientFrames.send, send));
  assert.ok(!Value.Check(clientFrames.send, { ...send, admin: true }));
  assert.ok(!Value.Check(clientFrames.send, { ...send, text: "" }));
  assert.ok(!Value.Check(clientFrames.send, { ...send, text: "x".repeat(16_385) }));
  assert.ok(!Value.Check(clientFrames.send, { ...send, clientId: "a{b}" }));
  const { text: _, ...withoutText } = send;
  assert.ok(!Value.Check(clientFrames.send, withoutText));
});

test("positions are keyed by conversation, and their keys are checked", () => {
  const login = { type: "login", id: 0, device: { id: "d1" }, positions: { c1: { epoch: "e", offset: 3 } } };
  assert.ok(Value.Check(clientFrames.login, login));
  assert.ok(!Value.Check(clientFrames.login, { ...login, positions: { "c:1": { epoch: "e", offset: 3 } } }));
});

test("every server frame is told apart by its type", () => {
  assert.ok(Value.Check(ServerFrame, { type: "pong", re: 4 }));
  assert.ok(Value.Check(ServerFrame, { type: "error", code: "rate_limited", message: "slow down", retryAfterMs: 200 }));
  assert.ok(!Value.Check(ServerFrame, { type: "error", code: "no_such_code", message: "" }));
});

test("close codes say whether to come back", () => {
  for (const code of [1000, 1001, 1006, 1011, 4000, 4003]) assert.ok(mayReconnect(code), String(code));
  for (const code of [1002, 1009, 4400, 4401, 4429]) assert.ok(!mayReconnect(code), String(code));
});
