import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { CHAT_ADMIN_PORT } from "../resource/names.ts";
import type { KubernetesObject } from "../runtime/index.ts";

/** What a chat server says of itself; docs/architecture.md, "The chat server's admin API". */
const StatusReply = Type.Object({
  serverId: Type.String(),
  connections: Type.Integer({ minimum: 0 }),
  draining: Type.Boolean(),
  drained: Type.Boolean(),
});
export type ServerStatus = Static<typeof StatusReply>;

const TIMEOUT_MS = 1500;
/** Longest reply that is read, in bytes. */
const MAX_REPLY = 4096;

/** Where a chat server's admin API is. */
export interface ServerAddress {
  /** The pod's name, for messages. */
  readonly pod: string;
  readonly ip: string;
  readonly port?: number;
}

/** The address of a chat pod that has an IP. */
export function addressOf(pod: KubernetesObject): ServerAddress {
  const { podIP = "" } = (pod.status ?? {}) as { podIP?: string };
  return { pod: pod.metadata.name, ip: podIP };
}

/** The chat servers' admin API. A server that refuses the first token is asked with the next: it may be older than that. */
export interface ServerStatusClient {
  /** @throws CodedError `chat_server_unreachable`, `chat_server_refused` or `chat_server_bad_reply`, naming the pod */
  read(server: ServerAddress, tokens: readonly string[], signal: AbortSignal): Promise<ServerStatus>;
  /** Asks the server to drain over `seconds`; asking again changes nothing. @throws as `read` */
  drain(server: ServerAddress, tokens: readonly string[], seconds: number, signal: AbortSignal): Promise<ServerStatus>;
}

/** Speaks HTTP to the pod's own address. */
export const httpServerStatusClient: ServerStatusClient = {
  read: (server, tokens, signal) => call(server, tokens, signal, "/admin/status", { method: "GET" }),
  drain: (server, tokens, seconds, signal) =>
    call(server, tokens, signal, "/admin/drain", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ seconds }),
    }),
};

async function call(
  server: ServerAddress,
  tokens: readonly string[],
  signal: AbortSignal,
  path: string,
  init: RequestInit,
): Promise<ServerStatus> {
  const { pod } = server;
  const [token = "", ...others] = tokens;
  const response = await request(server, token, signal, path, init);
  const text = await boundedText(response, pod);
  if (response.status === 401 && others.length > 0) return call(server, others, signal, path, init);
  if (!response.ok)
    throw new CodedError("chat_server_refused", `pod ${pod} answered ${path} with HTTP status ${response.status}`);
  return parse(text, pod);
}

async function request(
  { pod, ip, port = CHAT_ADMIN_PORT }: ServerAddress,
  token: string,
  signal: AbortSignal,
  path: string,
  init: RequestInit,
): Promise<Response> {
  const host = ip.includes(":") ? `[${ip}]` : ip;
  return fetch(`http://${host}:${port}${path}`, {
    ...init,
    headers: { ...init.headers, authorization: `Bearer ${token}` },
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  }).catch((cause: unknown) => {
    // fetch says only "fetch failed"; what happened is its cause.
    const reason = cause instanceof Error && cause.cause ? cause.cause : cause;
    throw new CodedError("chat_server_unreachable", `pod ${pod} does not answer: ${messageOf(reason)}`, { cause });
  });
}

async function boundedText(response: Response, pod: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_REPLY)
      throw new CodedError("chat_server_bad_reply", `pod ${pod} sent a status of over ${MAX_REPLY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string, pod: string): ServerStatus {
  try {
    const reply: unknown = JSON.parse(text);
    if (Value.Check(StatusReply, reply)) return reply;
  } catch (cause) {
    throw new CodedError("chat_server_bad_reply", `pod ${pod} sent a status that is not JSON`, { cause });
  }
  throw new CodedError(
    "chat_server_bad_reply",
    `pod ${pod} sent a status without serverId, connections, draining, drained`,
  );
}
