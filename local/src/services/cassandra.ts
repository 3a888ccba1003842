import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { auth, Client } from "cassandra-driver";
import { stringify } from "yaml";
import { tools } from "../tools/index.ts";
import { accepts, freePorts } from "./port.ts";
import { type ServiceControl, ServiceProcess } from "./process.ts";

const JVM_OPTIONS = join(import.meta.dirname, "..", "..", "cassandra", "jvm17.options");

const LOGBACK = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{ISO8601} %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
`;

/** Where a Cassandra is and how to log in; a superuser that may make keyspaces and roles. */
export type CassandraAddress = {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** `host:port`, as CHAT_CASSANDRA_CONTACT_POINTS takes it. */
  readonly contactPoint: string;
  readonly localDataCenter: "dc1";
  readonly username: "cassandra";
  readonly password: "cassandra";
};

export type CassandraOptions = {
  /**
   * Whether a killed node comes back with every write that it acknowledged [true]. Without, changes of the schema are several times
   * quicker, and a kill loses what was written in the last ten seconds.
   */
  durable?: boolean;
  /** Further options of the JVM, such as an agent [none]. */
  javaOptions?: readonly string[];
  /** Laid over cassandra.yaml [nothing]. */
  settings?: Readonly<Record<string, unknown>>;
};

export type Cassandra = ServiceControl &
  AsyncDisposable &
  CassandraAddress & {
    readonly pid: number;
    /** Its folder, with `data`. */
    readonly directory: string;
  };

/**
 * A Cassandra node of its own with password authentication, small (700 MiB resident) and ready in 6 to 25 s. Most tests do not need
 * to own one: {@link sharedCassandra} is there at once.
 */
export async function startCassandra({
  durable = true,
  javaOptions = [],
  settings = {},
}: CassandraOptions = {}): Promise<Cassandra> {
  const paths = await tools(["java", "cassandra-jars"]);
  const [port = 0, storagePort = 0] = await freePorts(2);
  const address: CassandraAddress = {
    host: "127.0.0.1",
    port,
    contactPoint: `127.0.0.1:${port}`,
    localDataCenter: "dc1",
    username: "cassandra",
    password: "cassandra",
  };
  const service = await ServiceProcess.start({
    name: "cassandra",
    readySeconds: 180,
    // Its data is either deleted with it or must survive a crash anyway.
    stopSeconds: 0,
    async command(directory) {
      const conf = join(directory, "conf");
      await mkdir(conf, { recursive: true });
      await writeFile(
        join(conf, "cassandra.yaml"),
        stringify({ ...baseSettings(directory, port, storagePort, durable), ...settings }),
      );
      await writeFile(join(conf, "cassandra-rackdc.properties"), "dc=dc1\nrack=rack1\n");
      await writeFile(join(conf, "logback.xml"), LOGBACK);
      const classPath = `${conf}:${paths["cassandra-jars"]}/*`;
      const properties = javaProperties(directory, durable).map(([name, value]) => `-D${name}=${value}`);
      const heap = ["-Xms384m", "-Xmx384m", "-Xss512k", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"];
      // Compiling only with the quick compiler starts faster, and tests are over before the slow one would pay off.
      const options = [`@${JVM_OPTIONS}`, ...heap, "-XX:TieredStopAtLevel=1", ...properties, ...javaOptions];
      return [paths.java, ...options, "-cp", classPath, "org.apache.cassandra.service.CassandraDaemon"];
    },
    ready: () => answers(address),
  });
  return Object.assign(service, address);
}

/** Once its port is open, a query as the superuser: the role is made a moment after that. */
async function answers(address: CassandraAddress): Promise<void> {
  await accepts(address.port);
  const client = new Client({
    contactPoints: [address.contactPoint],
    localDataCenter: address.localDataCenter,
    authProvider: new auth.PlainTextAuthProvider(address.username, address.password),
  });
  try {
    await client.execute("SELECT release_version FROM system.local");
  } finally {
    await client.shutdown();
  }
}

function baseSettings(directory: string, port: number, storagePort: number, durable: boolean): object {
  const seeds = { seeds: `127.0.0.1:${storagePort}` };
  return {
    cluster_name: "test",
    num_tokens: 1,
    partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
    endpoint_snitch: "GossipingPropertyFileSnitch",
    seed_provider: [{ class_name: "org.apache.cassandra.locator.SimpleSeedProvider", parameters: [seeds] }],
    listen_address: "127.0.0.1",
    storage_port: storagePort,
    rpc_address: "127.0.0.1",
    native_transport_port: port,
    authenticator: "PasswordAuthenticator",
    authorizer: "CassandraAuthorizer",
    role_manager: "CassandraRoleManager",
    data_file_directories: [join(directory, "data")],
    commitlog_directory: join(directory, "commitlog"),
    saved_caches_directory: join(directory, "saved_caches"),
    hints_directory: join(directory, "hints"),
    ...(durable ? { commitlog_sync: "batch" } : { commitlog_sync: "periodic", commitlog_sync_period: "10s" }),
    memtable_heap_space: "64MiB",
    memtable_offheap_space: "64MiB",
    file_cache_size: "32MiB",
    // Dropping a table would copy its data first.
    auto_snapshot: false,
  };
}

function javaProperties(directory: string, durable: boolean): [string, string][] {
  return [
    ["cassandra.storagedir", directory],
    ["logback.configurationFile", "logback.xml"],
    // Else it closes its standard output, which is its log.
    ["cassandra-foreground", "yes"],
    // Waits that make sense only where there are other nodes.
    ["cassandra.superuser_setup_delay_ms", "0"],
    ["cassandra.skip_wait_for_gossip_to_settle", "0"],
    ["cassandra.ring_delay_ms", "1000"],
    ["cassandra.test.flush_local_schema_changes", String(durable)],
  ];
}
