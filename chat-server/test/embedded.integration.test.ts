import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serverContract } from "./contract/server.contract.ts";

serverContract("the embedded default keeps the contract", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "chat-"));
  return {
    servers: [{ CHAT_SERVER_ID: "one", CHAT_DATA_DIR: dataDir, CHAT_MESSAGES_PER_SECOND: "50" }],
    stop: () => rm(dataDir, { recursive: true }),
  };
});
