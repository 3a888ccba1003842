import { pushServerContract } from "../../test/push-server.contract.ts";
import { clusterBackend } from "../../test/support/cluster.ts";

pushServerContract("two servers push to who is offline only, and forget a token that is gone", async () => {
  const { servers, redis } = await clusterBackend(2);
  return { servers, stop: () => redis.stop() };
});
