import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback, readArguments } from "./run.ts";

test("only this machine is put under load, unless one says otherwise", () => {
  for (const host of ["127.0.0.1:8080", "127.9.9.9", "localhost:1", "[::1]:8080"])
    assert.ok(isLoopback(`ws://${host}/chat`), host);
  for (const host of ["10.0.0.1", "chat.example", "localhost.example", "127.0.0.1.example", "[::2]", "0.0.0.0"])
    assert.ok(!isLoopback(`ws://${host}/chat`), host);
  assert.throws(() => readArguments(["--url", "wss://chat.example/chat"]), { code: "remote_target" });
  assert.equal(readArguments(["--url", "wss://chat.example/chat", "--allow-remote"]).url, "wss://chat.example/chat");
});

test("a profile, and what is said on top of it", () => {
  const { size } = readArguments(["--profile", "smoke", "--users", "7"]);
  assert.deepEqual(size, { rooms: 3, users: 7, rate: 1.5, duration: "10s" });
});

test("arguments that are wrong are named", () => {
  for (const [args, name] of [
    [["--profile", "heavy"], /--profile must be one of smoke/],
    [["--users", "many"], /--users/],
    [["--rate", "0"], /--rate/],
    [["--cats", "3"], /--cats/],
  ] as const)
    assert.throws(() => readArguments([...args]), name);
});
