import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { httpServerStatusClient } from "./server-status-client.ts";

const { signal } = new AbortController();
const status = { serverId: "one", connections: 3, draining: false, drained: false };

async function serving<Value>(listener: RequestListener, work: (port: number) => Promise<Value>): Promise<Value> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await work((server.address() as AddressInfo).port);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function read(listener: RequestListener) {
  return serving(listener, (port) =>
    httpServerStatusClient.read({ pod: "sample-chat-x", ip: "127.0.0.1", port }, ["admin-token"], signal),
  );
}

test("a status is read with the token", async () => {
  let authorization: string | undefined;
  const got = await read((request, response) => {
    ({ authorization } = request.headers);
    response.end(JSON.stringify(status));
  });
  assert.deepEqual(got, status);
  assert.equal(authorization, "Bearer admin-token");
});

test("a server that is older than the first token is asked with the next, and none is asked twice without need", async () => {
  const tried: (string | undefined)[] = [];
  const listener: RequestListener = ({ headers: { authorization } }, response) => {
    tried.push(authorization);
    if (authorization !== "Bearer old") response.writeHead(401);
    response.end(JSON.stringify(status));
  };
  const readWith = (...tokens: string[]) =>
    serving(listener, (port) => httpServerStatusClient.read({ pod: "x", ip: "127.0.0.1", port }, tokens, signal));
  assert.deepEqual(await readWith("new", "old"), status);
  assert.deepEqual(await readWith("old", "next"), status);
  assert.deepEqual(tried, ["Bearer new", "Bearer old", "Bearer old"]);
  await assert.rejects(readWith("new", "next"), { code: "chat_server_refused" });
});

test("a drain is asked for with its seconds", async () => {
  let asked = "";
  await serving(
    async (request, response) => {
      asked = `${request.method} ${request.url} ${Buffer.concat(await request.toArray()).toString()}`;
      response.writeHead(202).end(JSON.stringify({ ...status, draining: true }));
    },
    (port) => httpServerStatusClient.drain({ pod: "x", ip: "127.0.0.1", port }, ["t"], 30, signal),
  );
  assert.equal(asked, 'POST /admin/drain {"seconds":30}');
});

test("refusals, foreign answers and floods are told apart, each naming the pod", async () => {
  const cases: [RequestListener, string][] = [
    [(_, response) => response.writeHead(401).end("{}"), "chat_server_refused"],
    [(_, response) => response.writeHead(302, { location: "http://192.0.2.1/" }).end(), "chat_server_unreachable"],
    [(_, response) => response.end("<html>"), "chat_server_bad_reply"],
    [(_, response) => response.end(JSON.stringify({ ...status, connections: -1 })), "chat_server_bad_reply"],
    [(_, response) => response.end("x".repeat(100_000)), "chat_server_bad_reply"],
    [(request) => request.destroy(), "chat_server_unreachable"],
  ];
  for (const [listener, code] of cases) await assert.rejects(read(listener), { code, message: /sample-chat-x/ }, code);
});

test("a server that never answers is given up", async () => {
  await assert.rejects(
    read(() => undefined),
    { code: "chat_server_unreachable" },
  );
});
