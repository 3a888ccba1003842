import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { Backend, Ingress } from "./ingress-fixture.ts";
import { assignRingIds, ringIdOf } from "./ring-id.ts";

/** Two pod names whose ids collide, in sorted order. */
function collidingNames(): [string, string] {
  const seen = new Map<number, string>();
  for (let index = 10_000_000; ; index += 1) {
    const name = `chat-${index}`;
    const other = seen.get(ringIdOf(name));
    if (other !== undefined) return [other, name];
    seen.set(ringIdOf(name), name);
  }
}

test("two names whose ids collide: the later one changes its id and keeps its open connections", async () => {
  const [first, second] = collidingNames();
  const late = await Backend.start(second, "127.0.3.2");
  const early = await Backend.start(first, "127.0.3.1", late.port);
  const ids = assignRingIds([first, second]);
  const successor = `${second}_${ids.get(second)}`;
  try {
    await using one = await Ingress.start(late.port);
    await using two = await Ingress.start(late.port);
    one.slices.set([late]);
    await one.hasUp(second);
    const open = await Promise.all(Array.from({ length: 10 }, (_, user) => one.open(`user-${user}`)));

    one.slices.set([late, early]);
    await until(async () => {
      const servers = await one.servers();
      return servers.length === 3 && [first, successor].every((name) => servers.some((s) => s.name === name && s.up));
    }, "both are up beside the old one");
    await Promise.all(open.map((connection) => connection.echo()));
    two.slices.set([early, late]);
    await two.hasUp(first, second);
    const through = await one.serversOfUsers(300);
    assert.deepEqual(await two.serversOfUsers(300), through);
    assert.equal(new Set(through).size, 2);

    await Promise.all(open.map((connection) => connection.echo()));
    for (const { socket } of open) socket.destroy();
    await one.hasUp(first, successor);
  } finally {
    await Promise.all([late.stop(), early.stop()]);
  }
});

test("HAProxy's ring tells ids apart by their low 20 bits only, which is why ids have no more", async () => {
  const echo = await Backend.start("echo", "127.0.3.3");
  try {
    await using ingress = await Ingress.start(echo.port);
    const ids = { a: 5, b: 5 + 2 ** 20, c: 9 };
    // By hand, in another order than the agent would: it takes no part, having no endpoints.
    ingress.slices.hasSynced = false;
    for (const [name, id] of Object.entries(ids)) {
      const target = `${echo.address}:${echo.port}`;
      assert.equal(
        await ingress.haproxy.runtime(`add server chat/${name} ${target} id ${id} weight 100`),
        "New server registered.",
      );
      await ingress.haproxy.runtime(`set server chat/${name} state ready`);
    }
    await ingress.serversOfUsers(1000);
    const table = await ingress.haproxy.runtime("show stat 3 4 -1");
    const total = (name: string) =>
      Number(
        table
          .split("\n")
          .find((line) => line.startsWith(`chat,${name},`))
          ?.split(",")[7] ?? Number.NaN,
      );
    const shared = total("a") + total("b");
    assert.ok(Math.abs(shared - total("c")) < 120, `${total("a")} + ${total("b")} against ${total("c")}`);
  } finally {
    await echo.stop();
  }
});

test("SIGUSR1 ends an ingress: no new connections, open ones stay until the drain is over", async () => {
  const backend = await Backend.start("chat-a", "127.0.3.4");
  try {
    await using ingress = await Ingress.start(backend.port, { drainSeconds: 3 });
    ingress.slices.set([backend]);
    await ingress.hasUp("chat-a");
    const open = await ingress.open("user-1");
    const closed = once(open.socket, "close", { signal: AbortSignal.timeout(20_000) });
    process.kill(ingress.haproxy.pid, "SIGUSR1");
    await until(() => isRefused(ingress.haproxy.port), "no new connections");
    await open.echo();
    open.socket.resume();
    await closed;
  } finally {
    await backend.stop();
  }
});

async function isRefused(port: number): Promise<boolean> {
  const outgoing = request({ host: "127.0.0.1", port, path: "/", agent: false }).end();
  return once(outgoing, "response").then(
    ([incoming]) => {
      incoming.resume();
      return false;
    },
    (error: NodeJS.ErrnoException) => error.code === "ECONNREFUSED",
  );
}
