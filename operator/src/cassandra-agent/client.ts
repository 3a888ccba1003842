import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { type Static, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import { NodeView } from "./node-view.ts";
import { CASSANDRA_AGENT_PORT } from "./paths.ts";
import { TaskState } from "./tasks.ts";

/** A repair that was begun, by the number that the node gave it. */
export const RepairStarted = Type.Object({ id: Type.Integer() });
/** A cleanup that was begun, by the name that the agent gave it. */
export const CleanupStarted = Type.Object({ id: Type.String({ pattern: "^[0-9a-f-]{1,64}$" }) });
/** A refusal says why. */
const Refusal = Type.Object({ error: Type.String() });
const Accepted = Type.Object({ mode: Type.String() });

/** A node's agent. */
export interface AgentAddress {
  /** The pod's name, for messages. */
  readonly pod: string;
  readonly ip: string;
  readonly port?: number;
}

/**
 * The agent's API. Every call throws CodedError `cassandra_agent_unreachable`, `cassandra_agent_refused` (with the agent's reason) or
 * `cassandra_agent_bad_reply`, naming the pod.
 */
export interface CassandraAgentClient {
  node(agent: AgentAddress, token: string, signal: AbortSignal): Promise<NodeView>;
  /** Begins to move the node's data to the others and to leave the ring; asking again changes nothing. */
  decommission(agent: AgentAddress, token: string, signal: AbortSignal): Promise<void>;
  /** Begins a full repair of the node's primary ranges of a keyspace, or names the one that runs. */
  startRepair(agent: AgentAddress, token: string, keyspace: string, signal: AbortSignal): Promise<number>;
  repair(agent: AgentAddress, token: string, id: number, signal: AbortSignal): Promise<TaskState>;
  /** Begins to take off the node's disk what it does not own any more, or names the cleanup that runs. */
  startCleanup(agent: AgentAddress, token: string, signal: AbortSignal): Promise<string>;
  cleanup(agent: AgentAddress, token: string, id: string, signal: AbortSignal): Promise<TaskState>;
}

/** Longer than the agent waits for Cassandra to answer, and then for it to refuse a decommission. */
const TIMEOUT_MS = 8_000;
/** Longest reply that is read, in bytes: a ring of 100 nodes is 15 KB. */
const MAX_REPLY = 256 * 1024;

/** Speaks HTTP to the pod's own address. */
export const httpCassandraAgentClient: CassandraAgentClient = {
  node: (agent, token, signal) => call(NodeView, agent, token, signal, "GET", "/node"),
  async decommission(agent, token, signal) {
    await call(Accepted, agent, token, signal, "POST", "/decommission");
  },
  async startRepair(agent, token, keyspace, signal) {
    return (await call(RepairStarted, agent, token, signal, "POST", `/repairs?keyspace=${keyspace}`)).id;
  },
  repair: (agent, token, id, signal) => call(TaskState, agent, token, signal, "GET", `/repairs/${id}`),
  async startCleanup(agent, token, signal) {
    return (await call(CleanupStarted, agent, token, signal, "POST", "/cleanups")).id;
  },
  cleanup: (agent, token, id, signal) => call(TaskState, agent, token, signal, "GET", `/cleanups/${id}`),
};

async function call<Schema extends TSchema>(
  schema: Schema,
  { pod, ip, port = CASSANDRA_AGENT_PORT }: AgentAddress,
  token: string,
  signal: AbortSignal,
  method: string,
  path: string,
): Promise<Static<Schema>> {
  const host = ip.includes(":") ? `[${ip}]` : ip;
  let text: string;
  let response: Response;
  try {
    response = await fetch(`http://${host}:${port}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    text = await boundedText(response);
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause ? cause.cause : cause;
    throw new CodedError(
      "cassandra_agent_unreachable",
      `the agent of pod ${pod} does not answer: ${messageOf(reason)}`,
      {
        cause,
      },
    );
  }
  const reply = parsed(text);
  if (!response.ok) {
    const why = Value.Check(Refusal, reply) ? reply.error : `HTTP status ${response.status}`;
    throw new CodedError("cassandra_agent_refused", `the agent of pod ${pod} refused ${method} ${path}: ${why}`);
  }
  if (Value.Check(schema, reply)) return reply as Static<Schema>;
  throw new CodedError("cassandra_agent_bad_reply", `the agent of pod ${pod} answered ${path} with something else`);
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_REPLY) throw new RangeError(`a reply of over ${MAX_REPLY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Whatever it is, it is no reply of the agent: the caller says so.
    return undefined;
  }
}
