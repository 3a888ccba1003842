import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { RuntimeApi } from "./runtime-api.ts";

let directory: string;
let server: Server | undefined;
const commands: string[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "runtime-api-"));
  commands.length = 0;
});

afterEach(async () => {
  server?.close();
  server = undefined;
  await rm(directory, { recursive: true });
});

/** A socket that gives one answer, in two pieces; `undefined` is silence. */
async function answering(answer: string | undefined): Promise<RuntimeApi> {
  const socket = join(directory, "admin.sock");
  server = createServer((connection) => {
    connection.on("error", () => connection.destroy());
    connection.once("data", (command) => {
      commands.push(command.toString());
      if (answer === undefined) return;
      connection.write(answer.slice(0, 3));
      connection.end(answer.slice(3));
    });
  }).listen(socket);
  await once(server, "listening");
  return new RuntimeApi({ socket, timeoutMs: 200 });
}

const NEW = { name: "a", address: "10.0.0.1", port: 8080, id: 5, checkPort: 9090 };

test("a server is added with its id, weight and checks, IPv6 in brackets", async () => {
  const api = await answering("New server registered.\n\n");
  await api.addServer("chat", NEW);
  await api.addServer("chat", { ...NEW, address: "fd00::1" });
  assert.match(commands[0] ?? "", /^add server chat\/a 10\.0\.0\.1:8080 id 5 weight 100 check port 9090 .*\n$/);
  assert.match(commands[1] ?? "", /\[fd00::1\]:8080/);
});

test("an answer that is not the expected one is an error that holds it", async () => {
  const api = await answering("'id' : custom id 5 already used at (null):0 ('server a').\n\n");
  await assert.rejects(api.addServer("chat", NEW), { code: "haproxy_unexpected_answer", message: /already used/ });
  await assert.rejects(api.setState("chat", "a", "drain"), { code: "haproxy_unexpected_answer" });
  await assert.rejects(api.deleteServer("chat", "a"), { code: "haproxy_unexpected_answer" });
  await assert.rejects(api.showServersState("chat"), { code: "haproxy_unexpected_answer" });
});

test("silence where words are due is an error too", async () => {
  const api = await answering("\n");
  await assert.rejects(api.addServer("chat", NEW), { code: "haproxy_unexpected_answer", message: /answered nothing/ });
  await api.setState("chat", "a", "drain");
});

test("a server that has connections is not deleted, which is no error", async () => {
  const busy = await answering("Server still has connections attached to it, cannot remove it.\n");
  assert.equal(await busy.deleteServer("chat", "a"), false);
});

test("no socket, and no answer, have names", async () => {
  const absent = new RuntimeApi({ socket: join(directory, "none.sock") });
  await assert.rejects(absent.showServersState("chat"), { code: "haproxy_unavailable", message: /none\.sock/ });
  const mute = await answering(undefined);
  await assert.rejects(mute.showServersState("chat"), { code: "haproxy_timeout" });
});

test("nothing that would begin another command is ever sent", async () => {
  const api = await answering("\n");
  for (const name of ["a; disable frontend http", "a b", "a\nb", ""]) {
    await assert.rejects(api.setState("chat", name, "drain"), { code: "haproxy_invalid_argument" });
  }
  assert.deepEqual(commands, []);
});
