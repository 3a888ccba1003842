import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { pushDevices } from "../src/push/devices.ts";
import type { Stores } from "../src/store/stores.ts";

/** Registrations are told apart by the millisecond. */
async function later(): Promise<void> {
  const now = Date.now();
  await until(() => Date.now() > now + 1, "another millisecond");
}

/** What push needs of a device store, for each implementation. */
export function pushDevicesContract(
  name: string,
  open: () => Promise<{ stores: Stores; close: () => Promise<void> }>,
): void {
  describe(name, () => {
    let stores: Stores;
    let close: () => Promise<void>;
    before(async () => {
      ({ stores, close } = await open());
    });
    after(() => close());

    const save = (userId: string, deviceId: string, token?: string) =>
      stores.devices.save({ userId, deviceId, ...(token ? { push: { provider: "apns", token } } : {}) });

    it("gives the devices that have a token, and when it was registered", async () => {
      const userId = randomUUID();
      const from = Date.now();
      await save(userId, "phone", "t1");
      await save(userId, "laptop");
      // A login without a token is no registration, and takes none away.
      const registered = Date.now();
      await later();
      await save(userId, "phone");
      const [device = assert.fail(), ...others] = await pushDevices(stores.devices).withToken(userId);
      assert.deepEqual(others, []);
      const { registeredAt, ...rest } = device;
      assert.deepEqual(rest, { deviceId: "phone", provider: "apns", token: "t1" });
      assert.ok(registeredAt >= from - 1 && registeredAt <= registered + 1, `${from} ${registeredAt} ${registered}`);
    });

    it("removes a token that was registered up to then, and the device may register again", async () => {
      const userId = randomUUID();
      const devices = pushDevices(stores.devices);
      await save(userId, "phone", "t1");
      await save(userId, "tablet", "t2");
      const [phone = assert.fail()] = await devices.withToken(userId);
      await devices.removeToken(userId, "phone", phone.registeredAt);
      assert.deepEqual(
        (await devices.withToken(userId)).map(({ deviceId }) => deviceId),
        ["tablet"],
      );
      assert.equal((await stores.devices.ofUser(userId)).length, 2);
      await later();
      await save(userId, "phone", "t3");
      assert.deepEqual(
        (await devices.withToken(userId)).map(({ token }) => token),
        ["t3", "t2"],
      );
    });

    it("keeps a token that was registered after the service found it dead, the same one too", async () => {
      const userId = randomUUID();
      const devices = pushDevices(stores.devices);
      await save(userId, "phone", "t1");
      const [before = assert.fail()] = await devices.withToken(userId);
      await later();
      await save(userId, "phone", "t1");
      await devices.removeToken(userId, "phone", before.registeredAt);
      const [after = assert.fail()] = await devices.withToken(userId);
      assert.ok(after.registeredAt > before.registeredAt);
      await devices.removeToken(userId, "nobody's", Date.now());
    });
  });
}
