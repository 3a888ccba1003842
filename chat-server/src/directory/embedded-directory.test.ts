import { openDatabase } from "../store/embedded/database.ts";
import { EmbeddedDirectory } from "./embedded-directory.ts";
import { directoryContract } from "./user-directory.contract.ts";

directoryContract("the embedded directory", async () => {
  const database = openDatabase(undefined);
  const directory = new EmbeddedDirectory(database, { offlineLimit: 5, publish: () => undefined });
  await directory.start();
  return { directories: [directory, directory], stop: async () => database.close() };
});
