import { ChatClient, type ChatClientOptions } from "../src/index.ts";
import type { ChatServerProcess } from "./chat-server-process.ts";

export const TIMEOUT_MS = 60_000;

/** A connected client of a real server with the texts of its messages as they come, and a way to wait for so many of them. */
export async function connectedClient(
  server: ChatServerProcess,
  userId: string,
  options: Partial<ChatClientOptions> = {},
) {
  const client = new ChatClient({
    url: server.url,
    token: () => server.token(userId),
    device: { id: "phone" },
    backoff: { baseMs: 50, capMs: 500 },
    ...options,
  });
  const texts: string[] = [];
  client.on("message", ({ text }) => texts.push(text));
  const has = async (count: number) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    while (texts.length < count) await client.once("message", { signal });
  };
  await client.connect({ signal: AbortSignal.timeout(TIMEOUT_MS) });
  return { client, texts, has, [Symbol.dispose]: () => client.close() };
}
