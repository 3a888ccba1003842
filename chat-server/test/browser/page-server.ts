import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChatClient } from "@chatcluster/client";
import { createLogger } from "@chatcluster/foundation/logger";
import { ownSecret } from "../../src/auth/development-token.ts";
import { loadChatConfig } from "../../src/config.ts";
import { startChatServer } from "../../src/server.ts";
import { COMMON, type Variables } from "../support/test-server.ts";

export interface PageServer {
  /** Where the chat page is. */
  readonly address: string;
  readonly port: number;
  /** Connects a program as a user, by the token that the development server gives. */
  client(userId: string): Promise<ChatClient>;
  /** On the port and with the data that it had. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The embedded default as `npm start` has it: with a secret of its own, so that the page offers to sign anybody in. */
export async function startPageServer(variables: Variables = {}): Promise<PageServer> {
  const dataDir = await mkdtemp(join(tmpdir(), "chat-page-"));
  const { CHAT_JWT_SECRET: _, ...common } = COMMON;
  const start = (port: number) => {
    const config = loadChatConfig({ ...common, ...variables, CHAT_DATA_DIR: dataDir, CHAT_PORT: String(port) });
    return startChatServer(config, ownSecret(dataDir), createLogger("chat-server", config.logLevel));
  };
  let server = await start(0);
  const { port } = server;
  return {
    port,
    address: `http://127.0.0.1:${port}/`,
    async client(userId) {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ userId });
      const answer = await fetch(`http://127.0.0.1:${port}/development/token`, { method: "POST", headers, body });
      const { token } = (await answer.json()) as { token: string };
      const client = new ChatClient({ url: `ws://127.0.0.1:${port}/chat`, token, device: { id: `program-${userId}` } });
      await client.connect();
      return client;
    },
    async restart() {
      await server.stop(0);
      server = await start(port);
    },
    async stop() {
      await server.stop(0);
      await rm(dataDir, { recursive: true });
    },
  };
}
