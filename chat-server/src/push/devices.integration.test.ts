import { createLogger } from "@chatcluster/foundation/logger";
import { until } from "@chatcluster/foundation/until";
import { sharedCassandra } from "@chatcluster/local/services";
import { pushDevicesContract } from "../../test/push-devices.contract.ts";
import { cassandraStores } from "../store/cassandra/cassandra-stores.ts";
import { CassandraConnection } from "../store/cassandra/connection.ts";

pushDevicesContract("the push tokens in a real Cassandra", async () => {
  const { contactPoint, localDataCenter, username, password } = await sharedCassandra();
  const stores = cassandraStores(
    new CassandraConnection({
      contactPoints: [contactPoint],
      localDataCenter,
      username,
      password,
      keyspace: `push_${process.pid}_${Date.now().toString(36)}`,
      replication: `${localDataCenter}:1`,
      logger: createLogger("test", "silent"),
    }),
  );
  await stores.start();
  await until(() => stores.problem() === undefined, "Cassandra is there");
  return { stores, close: () => stores.close() };
});
