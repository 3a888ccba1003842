import type { Logger } from "@chatcluster/foundation/logger";
import type { CassandraAgentClient } from "../cassandra-agent/client.ts";
import type { Images } from "../resource/images.ts";
import type { Applier, Client, Clock, EventRecorder } from "../runtime/index.ts";
import type { SnapshotStoreClient } from "../snapshot-store/client.ts";
import type { SettledChildren } from "./apply-children.ts";
import type { CassandraCredentials } from "./cassandra-credentials.ts";
import type { CassandraReplication } from "./cassandra-replication.ts";
import type { CassandraSchema } from "./cassandra-schema.ts";
import type { Informers } from "./informers.ts";
import type { RedisInspector } from "./redis-inspector.ts";
import type { RedisPasswordSetter } from "./redis-passwords.ts";
import type { ServerStatusClient } from "./server-status-client.ts";

/** What the reconcilers work with. */
export interface Dependencies {
  readonly client: Client;
  readonly applier: Pick<Applier, "apply" | "children">;
  readonly settled: SettledChildren;
  readonly informers: Informers;
  readonly events: Pick<EventRecorder, "record">;
  readonly serverStatus: ServerStatusClient;
  readonly cassandraCredentials: CassandraCredentials;
  readonly cassandraReplication: CassandraReplication;
  readonly cassandraSchema: CassandraSchema;
  readonly cassandraAgents: CassandraAgentClient;
  readonly snapshotStore: SnapshotStoreClient;
  readonly redisInspector: RedisInspector;
  readonly redisPasswords: RedisPasswordSetter;
  /** Images of containers that a spec names none for; "" where the operator has no default. */
  readonly defaultImages: Images;
  /** Where the operator runs, and Cassandra and Redis must let it in from. */
  readonly operatorNamespace: string;
  readonly clock: Clock;
}

/** A problem that a person must see: it becomes a condition's reason and message, and an Event. */
export interface Problem {
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** What one concern needs of its surroundings. */
export interface ConcernContext extends Dependencies {
  readonly logger: Logger;
  readonly signal: AbortSignal;
}
