import { pushServerContract } from "../../test/push-server.contract.ts";
import { clusterBackend } from "../../test/support/cluster.ts";

pushServerContract("push by two servers", async () => {
  const { servers, redis } = await clusterBackend(2);
  return { servers, stop: () => redis.stop() };
});
