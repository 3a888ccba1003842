import { ChatClient, type ChatClientOptions, type Receipt } from "@chatcluster/client";
import type { Cluster } from "./cluster.ts";
import { History } from "./history.ts";

/** Where chat is and who may come in. */
export type Chat = Pick<Cluster, "chatUrl" | "token">;

/** A user with one device, and all that the application on it has seen. */
export class Person implements Disposable {
  readonly id: string;
  readonly client: ChatClient;
  readonly history = new History();
  readonly receipts: Receipt[] = [];
  /** The servers it was connected to, one after the other. */
  readonly servers: string[] = [];
  readonly errors: Error[] = [];
  /** What carries its frames now. */
  transport = "none";

  /** @param options such as the transport. */
  constructor(cluster: Chat, id: string, options: Partial<ChatClientOptions> = {}) {
    this.id = id;
    this.client = new ChatClient({
      url: cluster.chatUrl,
      token: () => cluster.token(id),
      device: { id: `${id}-phone` },
      backoff: { baseMs: 100, capMs: 2_000 },
      ...options,
    });
    this.client.on("message", (message) => this.history.record(message));
    this.client.on("receipt", (receipt) => this.receipts.push(receipt));
    this.client.on("connected", ({ serverId, transport }) => {
      this.servers.push(serverId);
      this.transport = transport;
    });
    this.client.on("error", (error) => this.errors.push(error));
  }

  /** The server that holds the connection now, or held it last. */
  get server(): string {
    return this.servers.at(-1) ?? "none";
  }

  async online(): Promise<this> {
    await this.client.connect({ signal: AbortSignal.timeout(30_000) });
    return this;
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

/** Connects users until two of them are on different servers, since consistent hashing alone decides who goes where. */
export async function twoOnDifferentServers(
  cluster: Chat,
  prefix: string,
  options: () => Partial<ChatClientOptions> = () => ({}),
): Promise<[Person, Person]> {
  const first = await new Person(cluster, `${prefix}-0`, options()).online();
  for (let index = 1; index <= 50; index++) {
    const next = await new Person(cluster, `${prefix}-${index}`, options()).online();
    if (next.server !== first.server) return [first, next];
    next.client.close();
  }
  first.client.close();
  throw new Error(`51 users all went to server ${first.server}`);
}
