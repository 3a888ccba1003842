import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Login } from "@chatcluster/protocol";
import { event, position } from "../test/fake-server.ts";
import { PollTransport } from "./poll-transport.ts";

test("a login at another server has the positions of by then, and says that they are of all once those were listed", async () => {
  const logins: Login[] = [];
  const polls: ((response: Response) => void)[] = [];
  const connection = new PollTransport({
    fetch: (url, { method, body }) => {
      if (method === "DELETE" || url.pathname !== "/poll") return Promise.resolve(new Response());
      if (method !== "POST")
        return new Promise((resolve) => {
          polls.push(resolve);
        });
      logins.push(JSON.parse(String(body)) as Login);
      return Promise.resolve(Response.json({ cursor: "q:1", pollAfterMs: 0, frames: [event(logins.length)] }));
    },
  }).open({ url: "ws://127.0.0.1/chat", token: "t" }, { onOpen: () => 0, onFrame: () => 0, onClose: () => 0 });
  const loggedIn = async (count: number) => {
    while (polls.length < count) await setImmediate();
    assert.equal(logins.length, count);
  };
  const elsewhere = () => polls.at(-1)?.(new Response(undefined, { status: 409 }));
  connection.send(JSON.stringify({ type: "login", id: 0, device: { id: "d" } }));
  await loggedIn(1);
  elsewhere();
  await loggedIn(2);
  connection.listed?.();
  elsewhere();
  await loggedIn(3);
  assert.deepEqual(
    logins.map(({ positions, complete }) => [positions, complete]),
    [
      [{}, undefined],
      [{ c1: position(1) }, undefined],
      [{ c1: position(2) }, true],
    ],
  );
  connection.close(1000, "done");
});
