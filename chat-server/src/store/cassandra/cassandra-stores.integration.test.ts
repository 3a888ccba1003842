import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { sharedCassandra } from "@chatcluster/local/services";
import { storesContract } from "../stores.contract.ts";
import { cassandraStores } from "./cassandra-stores.ts";
import { CassandraConnection } from "./connection.ts";

storesContract("the stores on Cassandra", async () => {
  const { contactPoint, localDataCenter, username, password } = await sharedCassandra();
  const stores = cassandraStores(
    new CassandraConnection({
      contactPoints: [contactPoint],
      localDataCenter,
      keyspace: `stores_${process.pid}_${Date.now().toString(36)}`,
      replication: `${localDataCenter}:1`,
      username,
      password,
      logger: createLogger("test", "silent"),
    }),
  );
  await stores.start();
  await until(() => stores.problem() === undefined, "Cassandra");
  return { stores, stop: () => stores.close() };
});
