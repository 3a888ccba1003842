import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { Backend, Ingress } from "./ingress-fixture.ts";

const USERS = 1000;
let backends: Backend[] = [];
let checkPort = 0;

before(async () => {
  const first = await Backend.start("chat-a", "127.0.1.1");
  checkPort = first.port;
  const others = ["b", "c", "d", "e"].map((letter, index) =>
    Backend.start(`chat-${letter}`, `127.0.1.${index + 2}`, checkPort),
  );
  backends = [first, ...(await Promise.all(others))];
});

after(async () => {
  await Promise.all(backends.map((backend) => backend.stop()));
});

const names = (some: readonly Backend[]) => some.map(({ name }) => name);

function jwt(subject: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: subject, exp: 1 })}.c2lnbmF0dXJl`;
}

/** Share of users whose server changed. */
function moved(before: readonly string[], now: readonly string[]): number {
  return before.filter((server, user) => server !== now[user]).length / before.length;
}

test("a user has the same server through either ingress, in whatever order the servers were found, and after a restart", async () => {
  await using one = await Ingress.start(checkPort);
  await using two = await Ingress.start(checkPort);
  const some = backends.slice(0, 4);
  one.slices.set(some);
  for (const backend of some.toReversed()) {
    two.slices.set([...some.filter(({ name }) => name > backend.name), backend]);
    await until(async () => (await two.servers()).some(({ name }) => name === backend.name), `${backend.name} added`);
  }
  await Promise.all([one.hasUp(...names(some)), two.hasUp(...names(some))]);
  const through = await one.serversOfUsers(USERS);
  assert.deepEqual(await two.serversOfUsers(USERS), through);

  // No server much fuller than the mean: the ring alone gives 1.05, a thousand users scatter about 1.1.
  const counts = names(some).map((name) => through.filter((server) => server === name).length);
  assert.ok(Math.max(...counts) <= 1.25 * (USERS / some.length), counts.join());

  await two.haproxy.kill();
  await until(() => two.agent.problem !== undefined, "the agent says that HAProxy is away");
  await two.haproxy.restart();
  await two.hasUp(...names(some));
  await until(() => two.agent.problem === undefined, "the agent is ready again");
  assert.deepEqual(await two.serversOfUsers(USERS), through);
});

test("a fifth server takes about a fifth of the users, and gives them back; no open connection closes", async () => {
  await using ingress = await Ingress.start(checkPort);
  const four = backends.slice(0, 4);
  const fifth = backends[4];
  assert.ok(fifth);
  ingress.slices.set(four);
  await ingress.hasUp(...names(four));
  const open = await Promise.all(Array.from({ length: 100 }, (_, user) => ingress.open(`user-${user}`)));
  const atFirst = await ingress.serversOfUsers(USERS);

  ingress.slices.set(backends);
  await ingress.hasUp(...names(backends));
  const withFifth = await ingress.serversOfUsers(USERS);
  const share = moved(atFirst, withFifth);
  assert.ok(share > 0.1 && share < 0.35, `${share} moved`);
  for (const [user, server] of withFifth.entries()) {
    if (server !== atFirst[user]) assert.equal(server, fifth.name, "nobody moves between the servers that stay");
  }

  const late = await Promise.all(Array.from({ length: 40 }, (_, user) => ingress.open(`user-${user}`)));
  ingress.slices.set(backends, { [fifth.name]: { ready: false } });
  await until(async () => (await ingress.servers()).some(({ state }) => state === "drain"), "drain");
  assert.deepEqual(await ingress.serversOfUsers(USERS), atFirst);
  assert.ok(
    late.some(({ server }) => server === fifth.name),
    "some are on the server that drains",
  );
  await Promise.all([...open, ...late].map((connection) => connection.echo()));
  for (const { socket } of [...open, ...late]) socket.destroy();
});

test("a server that has gone stays until its last connection has ended, then it is deleted", async () => {
  await using ingress = await Ingress.start(checkPort, { retireSeconds: 3600 });
  const two = backends.slice(0, 2);
  ingress.slices.set(two);
  await ingress.hasUp(...names(two));
  const open = await Promise.all(Array.from({ length: 20 }, (_, user) => ingress.open(`user-${user}`)));
  const staying = open.filter(({ server }) => server === "chat-b");
  const leaving = open.filter(({ server }) => server === "chat-a");
  assert.ok(staying.length > 0 && leaving.length > 0);

  ingress.slices.set(two.slice(1));
  await until(async () => (await ingress.servers()).some(({ state }) => state === "maint"), "maintenance");
  await Promise.all(leaving.map((connection) => connection.echo()));
  assert.deepEqual(new Set(await ingress.serversOfUsers(50)), new Set(["chat-b"]));
  for (const { socket } of leaving) socket.destroy();
  await ingress.hasUp("chat-b");
  await Promise.all(staying.map((connection) => connection.echo()));
  for (const { socket } of staying) socket.destroy();
});

test("past the time to retire, the sessions of a server that has gone are ended", async () => {
  await using ingress = await Ingress.start(checkPort, { retireSeconds: 1 });
  ingress.slices.set(backends.slice(0, 1));
  await ingress.hasUp("chat-a");
  const open = await ingress.open("user-1");
  const closed = once(open.socket, "close", { signal: AbortSignal.timeout(15_000) });
  open.socket.resume();
  ingress.slices.set([]);
  await closed;
  await ingress.hasUp();
});

test("a pod's new address takes the place of the old one", async () => {
  await using ingress = await Ingress.start(checkPort);
  const moving = await Backend.start("chat-a", "127.0.1.77", checkPort);
  try {
    ingress.slices.set(backends.slice(0, 2));
    await ingress.hasUp("chat-a", "chat-b");
    const open = await Promise.all(Array.from({ length: 10 }, (_, user) => ingress.open(`user-${user}`)));
    assert.ok(open.some(({ server }) => server === "chat-a"));
    ingress.slices.set([moving, ...backends.slice(1, 2)]);
    await until(
      async () => (await ingress.servers()).some(({ address, up }) => address === moving.address && up),
      "the new address is up",
    );
    await until(async () => (await ingress.servers()).length === 2, "the old address has gone");
    assert.deepEqual(new Set(await ingress.serversOfUsers(50)), new Set(["chat-a", "chat-b"]));
    for (const { socket } of open) socket.destroy();
  } finally {
    await moving.stop();
  }
});

test("a dead server's users go elsewhere at once, before any check has failed", async () => {
  await using ingress = await Ingress.start(checkPort);
  const doomed = await Backend.start("chat-x", "127.0.1.88", checkPort);
  ingress.slices.set([...backends.slice(0, 2), doomed]);
  await ingress.hasUp("chat-a", "chat-b", "chat-x");
  const users = await ingress.serversOfUsers(60);
  assert.ok(users.includes("chat-x"));
  await doomed.stop();
  for (const [user, server] of users.entries()) {
    const reply = await ingress.get(`/chat?user=user-${user}`);
    assert.equal(reply.status, 200);
    if (server !== "chat-x") assert.equal(reply.server, server);
  }
  await until(async () => (await ingress.servers()).some(({ up }) => !up), "the check has failed");
});

test("the user is the token's subject, in the header or the query, or the query's user", async () => {
  await using ingress = await Ingress.start(checkPort);
  ingress.slices.set(backends);
  await ingress.hasUp(...names(backends));
  for (let index = 0; index < 30; index += 1) {
    const user = `anna+${index}@example.org`;
    const replies = await Promise.all([
      ingress.get("/chat", { authorization: `Bearer ${jwt(user)}` }),
      ingress.get(`/chat?token=${jwt(user)}`),
      ingress.get(`/chat?user=${encodeURIComponent(user)}`),
      ingress.get(`/other?user=somebody&token=${jwt("else")}`, { authorization: `Bearer ${jwt(user)}` }),
    ]);
    assert.equal(new Set(replies.map(({ server }) => server)).size, 1, user);
  }
  const nobody = await Promise.all(Array.from({ length: 50 }, () => ingress.get("/")));
  assert.ok(new Set(nobody.map(({ server }) => server)).size > 1, "requests of nobody are spread");
});

test("hashed on the conversation, its members meet on one server", async () => {
  await using ingress = await Ingress.start(checkPort, { hashOn: "conversation" });
  ingress.slices.set(backends);
  await ingress.hasUp(...names(backends));
  const servers = new Set<string>();
  for (let room = 0; room < 30; room += 1) {
    const members = await Promise.all([
      ingress.get(`/chat?conversation=room-${room}&user=a`),
      ingress.get(`/chat?conversation=room-${room}&token=${jwt("b")}`),
      ingress.get(`/v1/conversations/room-${room}/messages`, { authorization: `Bearer ${jwt("c")}` }),
    ]);
    const [server = "", ...others] = new Set(members.map((reply) => reply.server));
    assert.deepEqual(others, [], `room-${room}`);
    servers.add(server);
  }
  assert.ok(servers.size > 1);
});

test("bounded loads spread one key that has most of the connections", async () => {
  await using ingress = await Ingress.start(checkPort, { balanceFactor: 125 });
  const four = backends.slice(0, 4);
  ingress.slices.set(four);
  await ingress.hasUp(...names(four));
  const counts = new Map<string, number>();
  const open = [];
  for (let index = 0; index < 200; index += 1) {
    const connection = await ingress.open(index % 5 < 2 ? "celebrity" : `user-${index}`);
    counts.set(connection.server, (counts.get(connection.server) ?? 0) + 1);
    open.push(connection);
  }
  // 80 on one key alone would be 1.6 of the mean; one connection beyond the bound is how HAProxy rounds.
  assert.ok(Math.max(...counts.values()) <= 1.25 * 50 + 1, [...counts.values()].join());
  for (const { socket } of open) socket.destroy();
});

test("without a server a client is told when to come back", async () => {
  await using ingress = await Ingress.start(checkPort);
  const reply = await ingress.get("/chat?user=a");
  assert.equal(reply.status, 503);
  assert.equal(reply.headers["retry-after"], "2");
  assert.deepEqual(JSON.parse(reply.body), { code: "no_server_available" });
});

test("what a client says about its own address is not passed on", async () => {
  await using ingress = await Ingress.start(checkPort);
  ingress.slices.set(backends.slice(0, 1));
  await ingress.hasUp("chat-a");
  const reply = await ingress.get("/", { "x-forwarded-for": "203.0.113.9" });
  assert.equal(JSON.parse(reply.body).forwardedFor, "127.0.0.1");
});

test("an address that opens connections too fast is told so", async () => {
  await using ingress = await Ingress.start(checkPort, { connectionRatePerAddress: 20 });
  ingress.slices.set(backends.slice(0, 1));
  await ingress.hasUp("chat-a");
  const statuses: number[] = [];
  for (let index = 0; index < 30; index += 1) statuses.push((await ingress.get("/", { connection: "close" })).status);
  assert.equal(statuses[0], 200);
  assert.equal(statuses.at(-1), 429);
});

/** Sends a text and reads until the other side closes. */
async function say(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.end(text);
  return (await socket.toArray()).join("");
}

test("with the PROXY protocol the load balancer says who the client is, and a connection without it is refused", async () => {
  await using ingress = await Ingress.start(checkPort, { proxyProtocol: true });
  ingress.slices.set(backends.slice(0, 1));
  await ingress.hasUp("chat-a");
  const { port } = ingress.haproxy;
  const request = "GET / HTTP/1.1\r\nHost: chat\r\nX-Forwarded-For: 198.51.100.1\r\nConnection: close\r\n\r\n";
  const answer = await say(port, `PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n${request}`);
  assert.match(answer, /^HTTP\/1\.1 200/);
  assert.match(answer, /"forwardedFor":"203\.0\.113\.9"/);
  assert.doesNotMatch(await say(port, request).catch(() => ""), /200/);
});

test("no token reaches the access log", async () => {
  await using ingress = await Ingress.start(checkPort);
  ingress.slices.set(backends.slice(0, 1));
  await ingress.hasUp("chat-a");
  await ingress.get(`/chat?token=${jwt("log")}`);
  const logged = async () => (await ingress.haproxy.logTail()).split("\n").find((line) => line.includes('"path"'));
  await until(async () => (await logged()) !== undefined, "the request is logged");
  const line = (await logged()) ?? "";
  assert.doesNotMatch(line, /token|eyJ/);
  const entry = JSON.parse(line.slice(line.indexOf("{")));
  assert.equal(entry.path, "/chat");
  assert.equal(entry.server, "chat-a");
});
