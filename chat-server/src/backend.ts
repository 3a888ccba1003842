import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Logger } from "@chatcluster/foundation/logger";
import type { Metrics } from "./admin/metrics.ts";
import type { Broker } from "./broker/broker.ts";
import { EmbeddedBroker } from "./broker/embedded-broker.ts";
import { RedisBroker } from "./broker/redis-broker.ts";
import type { Config } from "./config.ts";
import { EmbeddedDirectory } from "./directory/embedded-directory.ts";
import { RedisDirectory } from "./directory/redis-directory.ts";
import type { UserDirectory } from "./directory/user-directory.ts";
import type { PushQueue, PushQueueOptions } from "./push/push-queue.ts";
import { EmbeddedPushQueue } from "./push/queue/embedded-push-queue.ts";
import { RedisPushQueue } from "./push/queue/redis-push-queue.ts";
import { RedisClient } from "./redis/client.ts";
import { createTopology } from "./redis/redis-config.ts";
import { cassandraStores } from "./store/cassandra/cassandra-stores.ts";
import { CassandraConnection } from "./store/cassandra/connection.ts";
import { openDatabase } from "./store/embedded/database.ts";
import { embeddedStores } from "./store/embedded/embedded-stores.ts";
import type { Stores } from "./store/stores.ts";
import { EmbeddedFigureBoard, type FigureBoard } from "./web/dashboard/figure-board.ts";
import { RedisFigureBoard } from "./web/dashboard/redis-figure-board.ts";

export interface Backend {
  broker: Broker;
  directory: UserDirectory;
  stores: Stores;
  figures: FigureBoard;
  pushQueue: (options: PushQueueOptions) => PushQueue;
}

/** What the server stands on: one process's own, or Redis and Cassandra. */
export function createBackend(config: Config, metrics: Metrics, logger: Logger): Backend {
  return config.backend === "embedded" ? embedded(config) : cluster(config, metrics, logger);
}

function embedded(config: Config): Backend {
  const database = openDatabase(config.dataDir);
  const broker = new EmbeddedBroker({ logLength: config.logLength });
  const publish = (userId: string, payload: string) => void broker.publishToUsers([userId], payload);
  return {
    broker,
    stores: embeddedStores(database),
    figures: new EmbeddedFigureBoard(),
    directory: new EmbeddedDirectory(database, { offlineLimit: config.offlineLimit, publish }),
    pushQueue: (options) => new EmbeddedPushQueue(join(config.dataDir, "push.sqlite"), options),
  };
}

function cluster(config: Config, metrics: Metrics, logger: Logger): Backend {
  const redis = new RedisClient({
    topology: createTopology(config, logger),
    logger,
    onRoundTrip: () => metrics.redisRoundTrips.inc(),
  });
  const cassandra = new CassandraConnection({
    contactPoints: (config.cassandraContactPoints ?? "").split(","),
    localDataCenter: config.cassandraLocalDc,
    keyspace: config.cassandraKeyspace,
    replication: config.cassandraReplication,
    username: config.cassandraUsername,
    password: config.cassandraPassword,
    logger,
    onQuery: () => metrics.cassandraQueries.inc(),
  });
  const instance = `${config.serverId}.${randomUUID()}`;
  return {
    broker: new RedisBroker(redis, { logLength: config.logLength, logger }),
    stores: cassandraStores(cassandra),
    figures: new RedisFigureBoard(redis),
    directory: new RedisDirectory(redis, {
      instance,
      address: config.advertisedAddress ?? `${config.host}:${config.port}`,
      ttlMs: config.registryTtlMs,
      offlineLimit: config.offlineLimit,
    }),
    pushQueue: (options) => new RedisPushQueue(redis, instance, options),
  };
}
