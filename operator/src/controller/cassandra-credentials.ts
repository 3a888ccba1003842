import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { auth, Client, type ClientOptions, errors, types } from "cassandra-driver";

/** A role and its password. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Who is to be able to log in to which Cassandra. */
export interface CredentialsRequest {
  /** `host:port` of nodes that are ready. */
  readonly contactPoints: readonly string[];
  readonly datacenter: string;
  /** Copies of the roles themselves: without them a lost node would lock everybody out. */
  readonly replicationFactor: number;
  /** The operator's superuser. */
  readonly admin: Login;
  /** The chat servers' role, which may make keyspaces and owns what it makes. */
  readonly chat: Login;
}

/** Brings Cassandra's roles in order. */
export interface CassandraCredentials {
  /**
   * Makes both roles with the given passwords, replicates the roles and switches the default superuser off. May be repeated.
   * @throws CodedError `cassandra_unreachable` or `cassandra_login_refused`, which never show a password
   */
  ensure(request: CredentialsRequest): Promise<void>;
}

/** The superuser that every new Cassandra has. https://cassandra.apache.org/doc/5.0/cassandra/managing/operating/security.html */
const DEFAULT_SUPERUSER: Login = { username: "cassandra", password: "cassandra" };
const CONNECT_TIMEOUT_MS = 5_000;
const READ_TIMEOUT_MS = 12_000;

/** Speaks CQL to the nodes. */
export const cqlCassandraCredentials: CassandraCredentials = {
  async ensure(request) {
    const admin = (await connect(request, request.admin)) ?? (await createAdmin(request));
    try {
      await ensureRoles(admin, request);
    } catch (cause) {
      throw new CodedError("cassandra_unreachable", `Cassandra refused to set up its roles: ${messageOf(cause)}`, {
        cause,
      });
    } finally {
      await admin.shutdown();
    }
  },
};

/** Logs in as the default superuser, which works only once in the life of a Cassandra, to make our own. */
async function createAdmin(request: CredentialsRequest): Promise<Client> {
  const first = await connect(request, DEFAULT_SUPERUSER);
  if (!first)
    throw new CodedError(
      "cassandra_login_refused",
      `Cassandra knows neither role ${request.admin.username} with the password of its Secret nor its default superuser`,
    );
  const { username, password } = request.admin;
  const options = `PASSWORD = ${literal(password)} AND SUPERUSER = true AND LOGIN = true`;
  try {
    await first.execute(`CREATE ROLE IF NOT EXISTS ${name(username)} WITH ${options}`);
    await replicateRoles(first, request);
    // Written again, now to every replica: only a repair would bring the first write to the new ones.
    await first.execute(`ALTER ROLE ${name(username)} WITH ${options}`);
  } catch (cause) {
    throw new CodedError("cassandra_unreachable", `Cassandra refused a role for the operator: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    await first.shutdown();
  }
  const admin = await connect(request, request.admin);
  if (admin) return admin;
  throw new CodedError("cassandra_login_refused", `Cassandra refused role ${username} just after it was made`);
}

async function ensureRoles(admin: Client, request: CredentialsRequest): Promise<void> {
  const { username, password } = request.chat;
  await replicateRoles(admin, request);
  const options = `PASSWORD = ${literal(password)} AND SUPERUSER = false AND LOGIN = true`;
  const verb = (await roleNames(admin)).has(username) ? "ALTER ROLE" : "CREATE ROLE IF NOT EXISTS";
  await admin.execute(`${verb} ${name(username)} WITH ${options}`);
  // Who makes a keyspace gets every right on it and, with CassandraAuthorizer, on none other.
  await admin.execute(`GRANT CREATE ON ALL KEYSPACES TO ${name(username)}`);
  await admin.execute(`ALTER ROLE ${name(DEFAULT_SUPERUSER.username)} WITH SUPERUSER = false AND LOGIN = false`);
}

async function roleNames(admin: Client): Promise<Set<unknown>> {
  const { rows } = await admin.execute("SELECT role FROM system_auth.roles");
  return new Set(rows.map((row) => row.get("role") as unknown));
}

async function replicateRoles(session: Client, { datacenter, replicationFactor }: CredentialsRequest): Promise<void> {
  const { rows } = await session.execute(
    "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = 'system_auth'",
  );
  const replication = (rows[0]?.get("replication") ?? {}) as Record<string, string>;
  if (replication[datacenter] === String(replicationFactor)) return;
  await session.execute(
    `ALTER KEYSPACE system_auth WITH replication = {'class': 'NetworkTopologyStrategy', ${literal(datacenter)}: ${replicationFactor}}`,
  );
}

/** A session, or undefined where Cassandra does not know the login. @throws CodedError `cassandra_unreachable` */
async function connect(request: CredentialsRequest, login: Login): Promise<Client | undefined> {
  const client = new Client(clientOptions(request, login));
  try {
    await client.connect();
    return client;
  } catch (cause) {
    await client.shutdown();
    if (isRefusedLogin(cause)) return undefined;
    throw new CodedError(
      "cassandra_unreachable",
      `Cassandra at ${request.contactPoints.join(", ")} does not answer: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function clientOptions({ contactPoints, datacenter }: CredentialsRequest, login: Login): ClientOptions {
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

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A role's name, quoted: unquoted ones lose their case. */
function name(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
