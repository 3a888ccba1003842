import { pushDevicesContract } from "../../test/push-devices.contract.ts";
import { openDatabase } from "../store/embedded/database.ts";
import { embeddedStores } from "../store/embedded/embedded-stores.ts";

pushDevicesContract("the embedded store's push tokens", async () => {
  const stores = embeddedStores(openDatabase(undefined));
  return { stores, close: () => stores.close() };
});
