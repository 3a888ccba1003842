import { auth, Client } from "cassandra-driver";
import type { Variables } from "./test-server.ts";

/** Looks into Cassandra past the servers, which show only what has its place in the order. */
export class StoredMessages {
  readonly #client: Client;
  readonly #keyspace: string;

  constructor(variables: Variables) {
    const { CHAT_CASSANDRA_USERNAME = "", CHAT_CASSANDRA_PASSWORD = "", CHAT_CASSANDRA_KEYSPACE = "" } = variables;
    this.#keyspace = CHAT_CASSANDRA_KEYSPACE;
    this.#client = new Client({
      contactPoints: (variables.CHAT_CASSANDRA_CONTACT_POINTS ?? "").split(","),
      localDataCenter: variables.CHAT_CASSANDRA_LOCAL_DC ?? "",
      authProvider: new auth.PlainTextAuthProvider(CHAT_CASSANDRA_USERNAME, CHAT_CASSANDRA_PASSWORD),
    });
  }

  /** Rows of the messages of a conversation. */
  async count(conversationId: string): Promise<number> {
    const query = `SELECT count(*) AS rows FROM ${this.#keyspace}.messages WHERE conversation_id = ? ALLOW FILTERING`;
    const { rows } = await this.#client.execute(query, [conversationId], { prepare: true });
    return Number(rows[0]?.rows);
  }

  close(): Promise<void> {
    return this.#client.shutdown();
  }
}
