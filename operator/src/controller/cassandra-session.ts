import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { auth, Client, type ClientOptions, errors, types } from "cassandra-driver";

/** A role and its password. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Where Cassandra is. */
export interface CassandraTarget {
  /** `host:port` of nodes that are ready. */
  readonly contactPoints: readonly string[];
  readonly datacenter: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
const READ_TIMEOUT_MS = 12_000;

/** A session, or undefined where Cassandra does not know the login. @throws CodedError `cassandra_unreachable` */
export async function connect(target: CassandraTarget, login: Login): Promise<Client | undefined> {
  const client = new Client(clientOptions(target, login));
  try {
    await client.connect();
    return client;
  } catch (cause) {
    await client.shutdown();
    if (isRefusedLogin(cause)) return undefined;
    throw new CodedError(
      "cassandra_unreachable",
      `Cassandra at ${target.contactPoints.join(", ")} does not answer: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function clientOptions({ contactPoints, datacenter }: CassandraTarget, login: Login): ClientOptions {
  return {
    contactPoints: [...contactPoints],
    localDataCenter: datacenter,
    authProvider: new auth.PlainTextAuthProvider(login.username, login.password),
    pooling: { coreConnectionsPerHost: { [types.distance.local]: 1, [types.distance.remote]: 0 } },
    queryOptions: { consistency: types.consistencies.localQuorum, prepare: false },
    socketOptions: { connectTimeout: CONNECT_TIMEOUT_MS, readTimeout: READ_TIMEOUT_MS },
    // A node that is away is seen by the pod's own state; this session is gone in a moment.
    isMetadataSyncEnabled: false,
  };
}

/** Whether every contact point refused the login, as opposed to being away. */
function isRefusedLogin(error: unknown): boolean {
  if (error instanceof errors.AuthenticationError) return true;
  if (!(error instanceof errors.NoHostAvailableError)) return false;
  const inner = Object.values(error.innerErrors as Record<string, unknown>);
  return inner.length > 0 && inner.every((each) => each instanceof errors.AuthenticationError);
}

/** A text of CQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name of CQL, quoted: unquoted ones lose their case. */
export function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
