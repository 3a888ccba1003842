export { type ApiServer, startApiServer } from "./api-server.ts";
export { type Cassandra, type CassandraAddress, startCassandra } from "./cassandra.ts";
export { type Haproxy, type HaproxyListen, startHaproxy } from "./haproxy.ts";
export { freePort } from "./port.ts";
export { type ServiceControl, ServiceProcess } from "./process.ts";
export { type Redis, type RedisOptions, startRedis } from "./redis.ts";
export { type RedisCluster, type RedisClusterOptions, startRedisCluster } from "./redis-cluster.ts";
export { type RedisSentinel, type RedisSentinelOptions, startRedisSentinel } from "./redis-sentinel.ts";
export { type SharedServices, serveSharedServices, sharedCassandra } from "./shared.ts";
