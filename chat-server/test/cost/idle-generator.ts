/**
 * Opens idle, signed-in connections in a process of its own (a process may have 20,000 files open), and keeps them until its input ends:
 * idle-generator.ts PORT FIRST COUNT. Prints one line when all are signed in. Sockets are spoken to by hand, so that this side is small.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { tokenFor } from "../support/test-server.ts";

const [port = 0, first = 0, count = 0] = process.argv.slice(2).map(Number);
/** At a time: as fast as the server takes them. */
const PARALLEL = 50;

/** A masked text frame (RFC 6455, section 5.2) of up to 125 bytes; the mask is zero, so that the payload needs no change. */
const frame = (text: string) => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);

async function signIn(index: number): Promise<Socket> {
  const token = await tokenFor(`idle-${index}`);
  const socket = connect(port, "127.0.0.1");
  socket.on("error", (error) => {
    process.stderr.write(`${index}: ${error.message}\n`);
    process.exitCode = 1;
  });
  const key = randomBytes(16).toString("base64");
  const head = [
    "GET /chat HTTP/1.1",
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
  ];
  socket.write([...head, `Sec-WebSocket-Key: ${key}`, `Authorization: Bearer ${token}`, "", ""].join("\r\n"));
  await once(socket, "data");
  socket.write(frame(JSON.stringify({ type: "login", id: 0, device: { id: "d" } })));
  const [answer] = (await once(socket, "data")) as [Buffer];
  if (!answer.includes('"welcome"')) throw new Error(`no welcome for ${index}: ${answer.toString("latin1")}`);
  // Pings of the server: answered with a pong, so that the connection lives on.
  socket.on("data", (data) => {
    if (data[0] === 0x89) socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]));
  });
  return socket;
}

const sockets: Socket[] = [];
for (let from = first; from < first + count; from += PARALLEL) {
  const batch = Array.from({ length: Math.min(PARALLEL, first + count - from) }, (_, offset) => signIn(from + offset));
  sockets.push(...(await Promise.all(batch)));
}
process.stdout.write(`${sockets.length} signed in\n`);
process.stdin.resume();
await once(process.stdin, "end");
for (const socket of sockets) socket.destroy();
