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

    it("takes a token away from whoever had it, be it another user or another device of the same one", async () => {
      const [alice, bob, token] = [randomUUID(), randomUUID(), randomUUID()];
      const devices = pushDevices(stores.devices);
      const tokens = async (userId: string) =>
        (await devices.withToken(userId)).map((device) => `${device.deviceId} ${device.token}`);
      await save(alice, "phone", token);
      await save(alice, "tablet", "alice's own");
      await later();
      await save(bob, "phone", token);
      assert.deepEqual(await tokens(alice), ["tablet alice's own"]);
      assert.deepEqual(await tokens(bob), [`phone ${token}`]);
      assert.equal((await stores.devices.ofUser(alice)).length, 2, "the device itself stays");
      await later();
      await save(bob, "phone-reinstalled", token);
      assert.deepEqual(await tokens(bob), [`phone-reinstalled ${token}`]);

      await later();
      await save(alice, "phone", "another");
      await save(bob, "phone-reinstalled", token);
      assert.deepEqual(await tokens(alice), ["phone another", "tablet alice's own"], "what she has since is her own");
      await save(alice, "phone", token);
      assert.deepEqual(await tokens(bob), []);
      assert.deepEqual(await tokens(alice), [`phone ${token}`, "tablet alice's own"], "and back");
    });

    it("gives a token that many claim at once to one of them", async () => {
      const [users, token] = [Array.from({ length: 8 }, () => randomUUID()), randomUUID()];
      const devices = pushDevices(stores.devices);
      await Promise.all(users.map((userId) => save(userId, "phone", token)));
      const owners = await Promise.all(users.map((userId) => devices.withToken(userId)));
      assert.equal(owners.flat().length, 1);
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
