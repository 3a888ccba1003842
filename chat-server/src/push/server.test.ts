import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pushServerContract } from "../../test/push-server.contract.ts";

pushServerContract("push by a server alone", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "push-"));
  return { servers: [{ CHAT_DATA_DIR: dataDir }], stop: () => rm(dataDir, { recursive: true }) };
});
