import { createLogger } from "@chatcluster/foundation/logger";
import { developmentToken } from "../../src/auth/development-token.ts";
import { loadChatConfig } from "../../src/config.ts";
import { type ChatServer, startChatServer } from "../../src/server.ts";

export const SECRET = "a secret of the tests, 32 bytes or more";
export const ADMIN_TOKEN = "an admin token of the tests";

export const tokenFor = (userId: string) => developmentToken(SECRET, userId);

export type Variables = Readonly<Record<string, string>>;

/** What every server of the tests has, in the terms of its environment. */
export const COMMON: Variables = {
  CHAT_HOST: "127.0.0.1",
  CHAT_PORT: "0",
  CHAT_ADMIN_PORT: "0",
  CHAT_JWT_SECRET: SECRET,
  CHAT_ADMIN_TOKEN: ADMIN_TOKEN,
  CHAT_LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? "silent",
  CHAT_RESERVATION_TIMEOUT_MS: "500",
};

/** A server in this process. */
export async function startTestServer(variables: Variables): Promise<ChatServer> {
  const config = loadChatConfig({ ...COMMON, ...variables });
  return startChatServer(config, config.jwtSecret, createLogger(config.serverId, config.logLevel));
}

/** The value of one figure of `/metrics`. */
export async function metric(server: { adminPort: number }, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${server.adminPort}/metrics`);
  const line = (await response.text()).split("\n").find((text) => text.startsWith(`${name} `));
  if (!line) throw new Error(`no metric ${name}`);
  return Number(line.split(" ")[1]);
}

export async function readiness(server: { adminPort: number }): Promise<{ status: number; missing: string[] }> {
  const response = await fetch(`http://127.0.0.1:${server.adminPort}/readyz`);
  const { missing } = (await response.json()) as { missing: string[] };
  return { status: response.status, missing };
}
