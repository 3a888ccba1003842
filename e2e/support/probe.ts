/**
 * Runs inside the cluster's network namespace: asks each HAProxy pod by itself, one user after the other, which chat server the user lands
 * on. Reads `{addresses, users: [{id, token}]}` from standard input, writes `{address: {user: server}}`. One connection at a time, since
 * the bounded load would rightly spread users who come at once.
 */
import { json } from "node:stream/consumers";
import type { ServerFrame } from "@chatcluster/protocol";

export interface ProbeInput {
  addresses: string[];
  users: { id: string; token: string }[];
}
export type ProbeOutput = Record<string, Record<string, string>>;

function serverOf(address: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${address}/chat?token=${token}`);
    socket.onopen = () => socket.send(JSON.stringify({ type: "login", id: 1, device: { id: "probe" } }));
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as ServerFrame;
      if (frame.type === "error") reject(new Error(`${address}: ${frame.code}: ${frame.message}`));
      if (frame.type !== "welcome") return;
      socket.onclose = () => resolve(frame.serverId);
      socket.close();
    };
    socket.onclose = ({ code }) => reject(new Error(`${address} closed with ${code}`));
    socket.onerror = () => reject(new Error(`${address}: no connection`));
  });
}

const { addresses, users } = (await json(process.stdin)) as ProbeInput;
const servers: ProbeOutput = {};
await Promise.all(
  addresses.map(async (address) => {
    const found: Record<string, string> = {};
    for (const { id, token } of users) found[id] = await serverOf(address, token);
    servers[address] = found;
  }),
);
process.stdout.write(JSON.stringify(servers));
