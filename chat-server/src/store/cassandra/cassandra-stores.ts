import type { Receipt } from "@chatcluster/protocol";
import { writeTimeOf } from "../../broker/message-id.ts";
import { marksOf } from "../member-row.ts";
import type { Device, DeviceStore, ReceiptStore, StoredDevice, Stores } from "../stores.ts";
import type { CassandraConnection } from "./connection.ts";
import { CassandraConversationStore } from "./conversation-store.ts";
import { CassandraMessageStore } from "./message-store.ts";

/** The stores of a cluster. */
export function cassandraStores(cassandra: CassandraConnection): Stores {
  return {
    messages: new CassandraMessageStore(cassandra),
    conversations: new CassandraConversationStore(cassandra),
    receipts: receiptStore(cassandra),
    devices: deviceStore(cassandra),
    async start() {
      cassandra.start();
    },
    close: () => cassandra.close(),
    problem: () => cassandra.problem(),
  };
}

function receiptStore(cassandra: CassandraConnection): ReceiptStore {
  return {
    /**
     * Written with a time that rises with the message's place: Cassandra keeps the cell with the latest write time, so the furthest mark
     * wins whatever the order of arrival, without reading first and without a transaction.
     */
    async advance({ conversationId, userId, kind, upTo, at }: Receipt) {
      const [mark, time] = kind === "delivered" ? ["delivered_up_to", "delivered_at"] : ["read_up_to", "read_at"];
      await cassandra.execute(
        `UPDATE conversation_members USING TIMESTAMP ? SET ${mark} = ?, ${time} = ? WHERE conversation_id = ? AND user_id = ?`,
        [writeTimeOf(upTo), upTo, at, conversationId, userId],
      );
    },
    async of(conversationId, userId) {
      const [row] = await cassandra.execute(
        "SELECT delivered_up_to, read_up_to FROM conversation_members WHERE conversation_id = ? AND user_id = ?",
        [conversationId, userId],
      );
      return row ? marksOf(row) : {};
    },
  };
}

function deviceStore(cassandra: CassandraConnection): DeviceStore {
  return {
    async save({ userId, deviceId, push }: Device) {
      if (push) {
        await cassandra.execute(
          "INSERT INTO devices (user_id, device_id, push_provider, push_token, updated_at) VALUES (?, ?, ?, ?, ?)",
          [userId, deviceId, push.provider, push.token, Date.now()],
        );
      } else {
        await cassandra.execute("INSERT INTO devices (user_id, device_id, updated_at) VALUES (?, ?, ?)", [
          userId,
          deviceId,
          Date.now(),
        ]);
      }
    },
    async ofUser(userId) {
      const rows = await cassandra.execute(
        "SELECT device_id, push_provider, push_token, WRITETIME(push_token) AS registered_at FROM devices WHERE user_id = ?",
        [userId],
      );
      return rows.map((row): StoredDevice => {
        const device = { userId, deviceId: String(row.device_id) };
        if (row.push_provider === null || row.push_token === null) return device;
        const provider = row.push_provider as "apns" | "fcm" | "webpush";
        const registeredAt = Math.floor(Number(row.registered_at) / 1_000);
        return { ...device, push: { provider, token: String(row.push_token), registeredAt } };
      });
    },
    /** Written with the time up to which it is meant: a token that was stored later has the later write time, and stays. */
    async removePushToken(userId, deviceId, registeredUpTo) {
      await cassandra.execute(
        "DELETE push_provider, push_token FROM devices USING TIMESTAMP ? WHERE user_id = ? AND device_id = ?",
        [BigInt(registeredUpTo) * 1_000n + 999n, userId, deviceId],
      );
    },
  };
}
