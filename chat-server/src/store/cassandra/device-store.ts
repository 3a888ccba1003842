import type { Device, DeviceStore, StoredDevice } from "../stores.ts";
import type { CassandraConnection } from "./connection.ts";

type Push = NonNullable<Device["push"]>;
type Owner = Pick<Device, "userId" | "deviceId">;

/** Devices by user, and beside them whose each push token is. */
export class CassandraDeviceStore implements DeviceStore {
  readonly #cassandra: CassandraConnection;

  constructor(cassandra: CassandraConnection) {
    this.#cassandra = cassandra;
  }

  /** The device first, then the claim of its token: whoever claims it next finds what it has to take away. */
  async save({ userId, deviceId, push }: Device): Promise<void> {
    if (!push) {
      await this.#cassandra.execute("INSERT INTO devices (user_id, device_id, updated_at) VALUES (?, ?, ?)", [
        userId,
        deviceId,
        Date.now(),
      ]);
      return;
    }
    await this.#cassandra.execute(
      "INSERT INTO devices (user_id, device_id, push_provider, push_token, updated_at) VALUES (?, ?, ?, ?, ?)",
      [userId, deviceId, push.provider, push.token, Date.now()],
    );
    const before = await this.#claim(push, { userId, deviceId });
    if (before) await this.#takeAway(push, before);
  }

  async ofUser(userId: string): Promise<StoredDevice[]> {
    const rows = await this.#cassandra.execute(
      "SELECT device_id, push_provider, push_token, WRITETIME(push_token) AS registered_at FROM devices WHERE user_id = ?",
      [userId],
    );
    return rows.map((row): StoredDevice => {
      const device = { userId, deviceId: String(row.device_id) };
      if (row.push_provider === null || row.push_token === null) return device;
      const provider = row.push_provider as Push["provider"];
      const registeredAt = Math.floor(Number(row.registered_at) / 1_000);
      return { ...device, push: { provider, token: String(row.push_token), registeredAt } };
    });
  }

  /** Written with the time up to which it is meant: a token that was stored later has the later write time, and stays. */
  async removePushToken(userId: string, deviceId: string, registeredUpTo: number): Promise<void> {
    await this.#cassandra.execute(
      "DELETE push_provider, push_token FROM devices USING TIMESTAMP ? WHERE user_id = ? AND device_id = ?",
      [BigInt(registeredUpTo) * 1_000n + 999n, userId, deviceId],
    );
  }

  /**
   * Makes the token this device's, and tells whose it was. A login with the token that the device had costs one read; a lightweight transaction decides
   * between two who claim the same at once.
   */
  async #claim({ provider, token }: Push, { userId, deviceId }: Owner): Promise<Owner | undefined> {
    let asked: Owner | undefined;
    for (;;) {
      const [row] = await this.#cassandra.execute(
        "SELECT user_id, device_id FROM push_token_owners WHERE push_provider = ? AND push_token = ?",
        [provider, token],
      );
      const before = row && { userId: String(row.user_id), deviceId: String(row.device_id) };
      // If it was asked for before, the driver has tried again what had been applied.
      if (before?.userId === userId && before.deviceId === deviceId) return asked;
      asked = before;
      const [result] = await this.#cassandra.execute(
        "UPDATE push_token_owners SET user_id = ?, device_id = ? WHERE push_provider = ? AND push_token = ? IF user_id = ? AND device_id = ?",
        [userId, deviceId, provider, token, before?.userId ?? null, before?.deviceId ?? null],
      );
      if (result?.["[applied]"] === true) return before;
    }
  }

  async #takeAway({ provider, token }: Push, { userId, deviceId }: Owner): Promise<void> {
    // That device may have got another token since, which is its own.
    for (const device of await this.ofUser(userId))
      if (device.deviceId === deviceId && device.push?.token === token && device.push.provider === provider)
        await this.removePushToken(userId, deviceId, device.push.registeredAt);
  }
}
