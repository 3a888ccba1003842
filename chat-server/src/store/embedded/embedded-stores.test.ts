import { storesContract } from "../stores.contract.ts";
import { openDatabase } from "./database.ts";
import { embeddedStores } from "./embedded-stores.ts";

storesContract("the embedded stores", async () => {
  const stores = embeddedStores(openDatabase(undefined));
  await stores.start();
  return { stores, stop: () => stores.close() };
});
