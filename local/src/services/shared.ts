import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { type Cassandra, type CassandraAddress, startCassandra } from "./cassandra.ts";
import { makeServiceDirectory, removeServiceDirectory } from "./directory.ts";

/** Holds the path of the UNIX socket on which the test runner answers for the services that a whole run shares. */
const VARIABLE = "CHATCLUSTER_SHARED_SERVICES";

const Address = Type.Object({
  host: Type.Literal("127.0.0.1"),
  port: Type.Integer({ minimum: 1, maximum: 65535 }),
  contactPoint: Type.String(),
  localDataCenter: Type.Literal("dc1"),
  username: Type.Literal("cassandra"),
  password: Type.Literal("cassandra"),
});
const Failure = Type.Object({ message: Type.String() });

export type SharedServices = {
  /** To be added to the environment of each test process. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends what was started. */
  stop(): Promise<void>;
};

/**
 * For the test runner: from now on, until `stop` or the runner's end, however it ends, test processes that have `env` share one
 * instance of each service below. A service starts when the first test asks for it.
 */
export async function serveSharedServices(): Promise<SharedServices> {
  const directory = await makeServiceDirectory("shared");
  const socket = join(directory, "socket");
  let cassandra: Promise<Cassandra> | undefined;
  const server = createServer((incoming, response) => {
    if (incoming.url !== "/cassandra") {
      response.writeHead(404).end(JSON.stringify({ message: `no shared service ${incoming.url}` }));
      return;
    }
    cassandra ??= startCassandra({ durable: false });
    cassandra.then(
      (running) => response.end(JSON.stringify(addressOf(running))),
      (error: unknown) => response.writeHead(500).end(JSON.stringify({ message: messageOf(error) })),
    );
  });
  server.listen(socket);
  await once(server, "listening");
  return {
    env: { [VARIABLE]: socket },
    async stop() {
      server.close();
      server.closeAllConnections();
      // Tests have been told why it did not start.
      const running = await cassandra?.catch(() => undefined);
      await running?.stop();
      await removeServiceDirectory(directory);
    },
  };
}

let own: Promise<Cassandra> | undefined;

/**
 * The Cassandra that all tests of a run share; a test makes a keyspace of its own in it. Without a runner, the first call in this
 * process starts one, which ends with the process.
 *
 * @throws CodedError `service_failed`
 */
export async function sharedCassandra(): Promise<CassandraAddress> {
  const socket = process.env[VARIABLE];
  if (socket) return ask(socket, "/cassandra");
  own ??= startCassandra({ durable: false });
  return addressOf(await own);
}

function addressOf({ host, port, contactPoint, localDataCenter, username, password }: Cassandra): CassandraAddress {
  return { host, port, contactPoint, localDataCenter, username, password };
}

async function ask(socketPath: string, path: string): Promise<CassandraAddress> {
  try {
    const [response] = (await once(request({ socketPath, path }).end(), "response")) as [IncomingMessage];
    const answer = await json(response);
    if (response.statusCode === 200) return Value.Parse(Address, answer);
    throw new Error(Value.Parse(Failure, answer).message);
  } catch (cause) {
    throw new CodedError("service_failed", `the test runner's shared service ${path}: ${messageOf(cause)}`, { cause });
  }
}
