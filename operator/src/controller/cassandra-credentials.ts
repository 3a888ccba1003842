import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import type { Client } from "cassandra-driver";
import { CHAT_KEYSPACE } from "../cassandra-agent/paths.ts";
import { isReplicated, replicate } from "./cassandra-replication.ts";
import { type CassandraTarget, connect, type Login, literal, quoted } from "./cassandra-session.ts";

/** Who is to be able to log in to which Cassandra. */
export interface CredentialsRequest extends CassandraTarget {
  /** Copies of the roles themselves, in the beginning: without them a lost node would lock everybody out. */
  readonly replicationFactor: number;
  /** The operator's superuser. */
  readonly admin: Login;
  /** The chat servers' role, which may make keyspaces and owns what it makes. */
  readonly chat: Login;
  /** Further roles that do as well while they take turns (docs/decisions/0124). */
  readonly beside?: { readonly admin: Login; readonly chat: Login };
  /** Roles whose turn is over: they let nobody in. */
  readonly retired?: readonly string[];
}

/** Brings Cassandra's roles in order. */
export interface CassandraCredentials {
  /**
   * Makes the roles with the given passwords, replicates them, and switches off the retired ones and the default superuser. May be repeated.
   * While roles take turns it ends when all of them were let in.
   * @throws CodedError `cassandra_unreachable` or `cassandra_login_refused`, which never show a password
   */
  ensure(request: CredentialsRequest): Promise<void>;
}

/** The superuser that every new Cassandra has. https://cassandra.apache.org/doc/5.0/cassandra/managing/operating/security.html */
const DEFAULT_SUPERUSER: Login = { username: "cassandra", password: "cassandra" };

/** Speaks CQL to the nodes. */
export const cqlCassandraCredentials: CassandraCredentials = {
  async ensure(request) {
    const { beside } = request;
    const known = (await connect(request, request.admin)) ?? (beside && (await connect(request, beside.admin)));
    const admin = known ?? (await createAdmin(request));
    try {
      await ensureRoles(admin, request);
    } catch (cause) {
      throw new CodedError("cassandra_unreachable", `Cassandra refused to set up its roles: ${messageOf(cause)}`, {
        cause,
      });
    } finally {
      await admin.shutdown();
    }
    for (const login of beside ? [request.admin, request.chat, beside.admin, beside.chat] : [])
      await assertLetIn(request, login);
  },
};

/** A role that was off is believed to be so for two seconds by a node that was asked for it (`roles_validity`), so this may be too soon. */
async function assertLetIn(request: CredentialsRequest, login: Login): Promise<void> {
  const session = await connect(request, login);
  if (!session) throw new CodedError("cassandra_login_refused", `Cassandra does not let in role ${login.username} yet`);
  await session.shutdown();
}

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
    await first.execute(`CREATE ROLE IF NOT EXISTS ${quoted(username)} WITH ${options}`);
    await replicateRoles(first, request);
    // Written again, now to every replica: only a repair would bring the first write to the new ones.
    await first.execute(`ALTER ROLE ${quoted(username)} WITH ${options}`);
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
  const { chat, beside, retired = [] } = request;
  await replicateRoles(admin, request);
  const known = await roleNames(admin);
  if (beside) await ensureRole(admin, known, beside.admin, true);
  for (const login of beside ? [chat, beside.chat] : [chat]) {
    await ensureRole(admin, known, login, false);
    // Who makes a keyspace gets every right on it and, with CassandraAuthorizer, on none other.
    await admin.execute(`GRANT CREATE ON ALL KEYSPACES TO ${quoted(login.username)}`);
    // The role that made it shares it with the one whose turn comes.
    if (beside && (await hasChatKeyspace(admin)))
      await admin.execute(`GRANT ALL PERMISSIONS ON KEYSPACE ${quoted(CHAT_KEYSPACE)} TO ${quoted(login.username)}`);
  }
  for (const name of [DEFAULT_SUPERUSER.username, ...retired.filter((role) => known.has(role))])
    await admin.execute(`ALTER ROLE ${quoted(name)} WITH SUPERUSER = false AND LOGIN = false`);
}

async function ensureRole(
  admin: Client,
  known: ReadonlySet<unknown>,
  { username, password }: Login,
  superuser: boolean,
): Promise<void> {
  const verb = known.has(username) ? "ALTER ROLE" : "CREATE ROLE IF NOT EXISTS";
  const options = `PASSWORD = ${literal(password)} AND SUPERUSER = ${superuser} AND LOGIN = true`;
  await admin.execute(`${verb} ${quoted(username)} WITH ${options}`);
}

async function hasChatKeyspace(admin: Client): Promise<boolean> {
  const query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
  return (await admin.execute(query, [CHAT_KEYSPACE])).rowLength > 0;
}

async function roleNames(admin: Client): Promise<Set<unknown>> {
  const { rows } = await admin.execute("SELECT role FROM system_auth.roles");
  return new Set(rows.map((row) => row.get("role") as unknown));
}

/** Only where that was never done: copies that there are change one step at a time, with a repair (reconcile-replication.ts). */
async function replicateRoles(session: Client, { datacenter, replicationFactor }: CredentialsRequest): Promise<void> {
  if (!(await isReplicated(session, datacenter))) await replicate(session, datacenter, replicationFactor);
}
