import type { DeviceStore } from "../store/stores.ts";
import type { ProviderName } from "./push-provider.ts";

/** A device with a push token, as the device store has it. */
export interface PushDevice {
  deviceId: string;
  provider: ProviderName;
  token: string;
  /** When the token was stored last, in ms since 1970. */
  registeredAt: number;
}

/** What push needs of the device store. Rejects with CodedError `unavailable` while that is away. */
export interface PushDevices {
  withToken(userId: string): Promise<PushDevice[]>;
  /** Removes the device's token, unless it has been registered after `registeredUpTo` (ms since 1970). The device stays. */
  removeToken(userId: string, deviceId: string, registeredUpTo: number): Promise<void>;
}

/** The number for the app's icon. */
export interface UnreadCounts {
  /** Messages of others that the user has not read. Rejects if they can't be counted, which leaves the number on the icon as it is. */
  of(userId: string): Promise<number>;
}

/** The devices of the server's store. */
export function pushDevices(store: DeviceStore): PushDevices {
  return {
    async withToken(userId) {
      const devices = await store.ofUser(userId);
      return devices.flatMap(({ deviceId, push }) => (push ? [{ deviceId, ...push }] : []));
    },
    removeToken: (userId, deviceId, registeredUpTo) => store.removePushToken(userId, deviceId, registeredUpTo),
  };
}
