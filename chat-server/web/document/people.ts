import type { ChatClient, Conversation, Presence } from "@chatcluster/client";
import type { Person } from "./people-view.ts";

/** How long after an edit its writer is shown as writing, in milliseconds. */
const WRITING_MS = 5_000;
/** Members whose presence is followed. */
const MAX_FOLLOWED = 50;

/**
 * Who else has to do with a document. A live conversation tells nobody who reads it; what can be known is who has written, from the messages,
 * and for members which other members have a connection.
 */
export class People {
  readonly #id: string;
  readonly #client: ChatClient;
  readonly #userId: string;
  readonly #onChange: () => void;
  readonly #online = new Set<string>();
  /** When each writer's edits were seen to come, by this browser's clock. */
  readonly #writing = new Map<string, { editedAt: number; seenAt: number }>();
  #members: string[] = [];
  #followed: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(id: string, client: ChatClient, userId: string, onChange: () => void) {
    this.#id = id;
    this.#client = client;
    this.#userId = userId;
    this.#onChange = onChange;
  }

  /** Reads who the members are, which is told to members only. */
  async refresh(): Promise<void> {
    try {
      const conversation = await this.#find();
      if (this.#closed || !conversation) return;
      this.#members = conversation.members.map(({ userId }) => userId).filter((userId) => userId !== this.#userId);
      this.#client.unfollowPresence(this.#followed);
      this.#followed = this.#members.slice(0, MAX_FOLLOWED);
      if (this.#followed.length > 0) this.#client.followPresence(this.#id, this.#followed);
      this.#onChange();
    } catch {
      // The client is at its end: there is nobody to be shown any more.
    }
  }

  onPresence({ userId, online }: Presence): void {
    if (online) this.#online.add(userId);
    else this.#online.delete(userId);
    this.#onChange();
  }

  /** @param writers when each user's last edit was stored. */
  list(writers: ReadonlyMap<string, number>): Person[] {
    const now = Date.now();
    const all = new Set([...writers.keys(), ...this.#members]);
    all.delete(this.#userId);
    const people = [...all].map((userId) => ({ userId, state: this.#stateOf(userId, writers.get(userId), now) }));
    const order = ["writing", "online", "away"];
    people.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || (a.userId < b.userId ? -1 : 1));
    clearTimeout(this.#timer);
    if (people.some(({ state }) => state === "writing")) this.#timer = setTimeout(this.#onChange, WRITING_MS);
    return people;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client.unfollowPresence(this.#followed);
  }

  #stateOf(userId: string, editedAt: number | undefined, now: number): Person["state"] {
    const seen = this.#writing.get(userId);
    if (editedAt !== undefined && editedAt !== seen?.editedAt) {
      // What is of the history, when a document is opened, is nobody's writing now.
      const seenAt = now - editedAt < WRITING_MS ? now : 0;
      this.#writing.set(userId, { editedAt, seenAt });
    }
    if (now - (this.#writing.get(userId)?.seenAt ?? 0) < WRITING_MS) return "writing";
    return this.#online.has(userId) ? "online" : "away";
  }

  async #find(): Promise<Conversation | undefined> {
    for (let after: string | undefined; ; ) {
      const page = await this.#client.listConversations({ limit: 100, ...(after === undefined ? {} : { after }) });
      const found = page.conversations.find(({ conversation }) => conversation.id === this.#id);
      if (found) return found.conversation;
      if (page.nextAfter === undefined || this.#closed) return undefined;
      after = page.nextAfter;
    }
  }
}
