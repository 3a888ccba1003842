import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { type Static, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";

/** Longer than a peer waits for Cassandra to answer, and then for it to refuse a decommission. */
const TIMEOUT_MS = 8_000;
/** A refusal says why. */
const Refusal = Type.Object({ error: Type.String() });

/** A program with a {@link PeerServer}. */
export interface Peer {
  /** For messages, such as `the agent of pod a-cassandra-0`. */
  readonly name: string;
  /** What the codes of its errors begin with. */
  readonly code: "cassandra_agent" | "snapshot_store";
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

export interface PeerCall {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Longest reply that is read, in bytes [256 KiB]: a ring of 100 nodes is 15 KB. */
  readonly maxReply?: number;
}

/** @throws CodedError `…_unreachable`, `…_refused` (with the peer's reason) or `…_bad_reply`, naming the peer */
export async function call<Schema extends TSchema>(
  schema: Schema,
  peer: Peer,
  signal: AbortSignal,
  { method, path, body, maxReply = 256 * 1024 }: PeerCall,
): Promise<Static<Schema>> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const { response, text } = await reached(peer, async () => {
    const response = await ask(peer, within, method, path, body);
    return { response, text: await boundedText(response, maxReply) };
  });
  const reply = parsed(text);
  if (!response.ok) throw refusal(peer, `${method} ${path}`, response, reply);
  if (Value.Check(schema, reply)) return reply as Static<Schema>;
  throw new CodedError(`${peer.code}_bad_reply`, `${peer.name} answered ${path} with something else`);
}

/** A file as it comes; its reader counts the bytes. @throws as `call`, and while it is read */
export async function download(peer: Peer, signal: AbortSignal, path: string): Promise<AsyncIterable<Uint8Array>> {
  const response = await reached(peer, () => ask(peer, signal, "GET", path));
  if (response.ok && response.body) return response.body;
  const reply = parsed(await reached(peer, () => boundedText(response, 64 * 1024)));
  throw refusal(peer, `GET ${path}`, response, reply);
}

function ask(peer: Peer, signal: AbortSignal, method: string, path: string, body?: unknown): Promise<Response> {
  const host = peer.host.includes(":") ? `[${peer.host}]` : peer.host;
  return fetch(`http://${host}:${peer.port}${path}`, {
    method,
    headers: { authorization: `Bearer ${peer.token}` },
    redirect: "error",
    signal,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function reached<Result>({ code, name }: Peer, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause ? cause.cause : cause;
    throw new CodedError(`${code}_unreachable`, `${name} does not answer: ${messageOf(reason)}`, { cause });
  }
}

function refusal({ code, name }: Peer, what: string, response: Response, reply: unknown): CodedError {
  const why = Value.Check(Refusal, reply) ? reply.error : `HTTP status ${response.status}`;
  return new CodedError(`${code}_refused`, `${name} refused ${what}: ${why}`);
}

async function boundedText(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > limit) throw new RangeError(`a reply of over ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Whatever it is, it is no reply of the peer: the caller says so.
    return undefined;
  }
}
