import { serverContract } from "./contract/server.contract.ts";
import { clusterBackend, serversOn } from "./support/cluster.ts";
import { REDIS_PLACES, variablesOf } from "./support/redis-places.ts";

serverContract("two servers on Redis and Cassandra keep the contract", async () => {
  const { servers, redis } = await clusterBackend(2);
  return { servers, stop: () => redis.stop() };
});

serverContract("two servers on Redis Cluster and Cassandra keep the contract", async () => {
  const place = await REDIS_PLACES.Cluster();
  return { servers: await serversOn(variablesOf(place.config), 2), stop: () => place.stop() };
}, ["websocket"]);
