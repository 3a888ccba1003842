import { serverContract } from "./contract/server.contract.ts";
import { clusterBackend } from "./support/cluster.ts";

serverContract("two servers on Redis and Cassandra keep the contract", async () => {
  const { servers, redis } = await clusterBackend(2);
  return { servers, stop: () => redis.stop() };
});
