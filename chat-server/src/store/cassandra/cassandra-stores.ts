import type { Receipt } from "@chatcluster/protocol";
import { writeTimeOf } from "../../broker/message-id.ts";
import { marksOf } from "../member-row.ts";
import type { ReceiptStore, Stores } from "../stores.ts";
import type { CassandraConnection } from "./connection.ts";
import { CassandraConversationStore } from "./conversation-store.ts";
import { CassandraDeviceStore } from "./device-store.ts";
import { CassandraMessageStore } from "./message-store.ts";

/** The stores of a cluster. */
export function cassandraStores(cassandra: CassandraConnection): Stores {
  return {
    messages: new CassandraMessageStore(cassandra),
    conversations: new CassandraConversationStore(cassandra),
    receipts: receiptStore(cassandra),
    devices: new CassandraDeviceStore(cassandra),
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
