import type { Conversation, ConversationChange, Member, Message, Receipt, Role } from "@chatcluster/client";

/** How far a message of one's own has come; `waiting` is: not yet stored. */
export type Mark = "waiting" | "failed" | "sent" | "delivered" | "read";

/** Stands in the place of a text that is gone. */
export const DELETED = "This message was deleted";

/** A message as the page shows it. */
export interface Entry {
  /** The sender's name for it, which it has from its first moment on. */
  readonly key: string;
  readonly senderId: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Absent until the server has stored it. */
  readonly id?: string;
  /** Why it was refused for good. */
  readonly failure?: string;
  /** The text is another one than at first. */
  readonly edited?: true;
  /** The text is gone. */
  readonly deleted?: true;
}

/** How far one member has come; ids compare as texts in the order of the messages. */
interface Progress {
  delivered: string;
  read: string;
}

/** One conversation: its messages in order, those on their way, and how far everybody has come. */
export class Thread {
  readonly id: string;
  #conversation: Conversation;
  readonly #me: string;
  readonly #stored = new Map<string, Entry & { id: string }>();
  readonly #waiting = new Map<string, Entry>();
  readonly #progress = new Map<string, Progress>();
  #sorted: (Entry & { id: string })[] | undefined;
  /** Who types, as far as is known. */
  readonly typists = new Set<string>();
  /** The newest page of the history has been read. */
  loaded = false;
  /** There are messages before the oldest one here. */
  more = true;

  constructor(conversation: Conversation, me: string) {
    this.id = conversation.id;
    this.#conversation = conversation;
    this.#me = me;
    this.update(conversation);
  }

  /** What a newer word of the server says; nothing goes back by it. */
  update(conversation: Conversation): void {
    this.#conversation = conversation;
    for (const { userId, deliveredUpTo = "", readUpTo = "" } of conversation.members) {
      this.#advance(userId, "delivered", deliveredUpTo);
      this.#advance(userId, "read", readUpTo);
    }
  }

  get direct(): boolean {
    return this.#conversation.kind === "direct";
  }

  get me(): string {
    return this.#me;
  }

  /** Owners first, then admins, then the others, each by name. */
  get members(): Member[] {
    const rank = ({ role = "member" }: Member) => ["owner", "admin", "member"].indexOf(role);
    return this.#conversation.members.toSorted((a, b) => rank(a) - rank(b) || (a.userId < b.userId ? -1 : 1));
  }

  /** The user's own, in a group. */
  get role(): Role | undefined {
    return this.#roleOf(this.#me);
  }

  /** Whether the user may invite and rename. */
  get mayManage(): boolean {
    return this.role === "owner" || this.role === "admin";
  }

  mayRemove(userId: string): boolean {
    if (userId === this.#me || this.direct) return false;
    return this.role === "owner" || (this.role === "admin" && this.#roleOf(userId) === "member");
  }

  mayEdit(entry: Entry): boolean {
    return entry.id !== undefined && !entry.deleted && this.isMine(entry);
  }

  mayDelete(entry: Entry): boolean {
    return entry.id !== undefined && !entry.deleted && (this.isMine(entry) || this.mayManage);
  }

  #roleOf(ofUser: string): Role | undefined {
    if (this.direct) return undefined;
    const member = this.#conversation.members.find(({ userId }) => userId === ofUser);
    return member && (member.role ?? "member");
  }

  get others(): string[] {
    return this.#conversation.members.map(({ userId }) => userId).filter((userId) => userId !== this.#me);
  }

  get title(): string {
    return this.#conversation.title ?? (this.others.join(", ") || this.#me);
  }

  /** In the conversation's order, then what is on its way. */
  get entries(): readonly Entry[] {
    this.#sorted ??= [...this.#stored.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return [...this.#sorted, ...this.#waiting.values()];
  }

  get oldestId(): string | undefined {
    return this.entries[0]?.id;
  }

  get newestId(): string | undefined {
    return this.entries.findLast(({ id }) => id !== undefined)?.id;
  }

  get last(): Entry | undefined {
    return this.entries.at(-1);
  }

  /** For the order of the list: when something last happened, in milliseconds since 1970. */
  get lastAt(): number {
    return this.last?.at ?? this.#conversation.createdAt;
  }

  get readUpTo(): string {
    return this.#of(this.#me).read;
  }

  /** Messages of others that the user has not seen. */
  get unread(): readonly Entry[] {
    const { readUpTo } = this;
    return this.entries.filter(({ id, senderId }) => id !== undefined && id > readUpTo && senderId !== this.#me);
  }

  isMine(entry: Entry): boolean {
    return entry.senderId === this.#me;
  }

  /** Takes a message, or its present state. @returns whether it was new. */
  add(message: Message): boolean {
    const { id, clientId, senderId, text, sentAt, editedAt, deletedAt } = message;
    if (senderId === this.#me) this.#waiting.delete(clientId);
    const isNew = !this.#stored.has(id);
    const entry = { key: `${senderId} ${clientId}`, senderId, text, at: sentAt, id };
    this.#store({
      ...entry,
      ...(editedAt === undefined ? {} : { edited: true }),
      ...(deletedAt === undefined ? {} : { deleted: true }),
    });
    return isNew;
  }

  /** What happens beside new messages. */
  change(change: ConversationChange): void {
    if (change.type === "renamed") this.#conversation = { ...this.#conversation, title: change.title };
    else if (change.type === "members_changed") this.#changeMembers(change.set, change.removed);
    else if (change.type !== "rights_changed") {
      const entry = this.#stored.get(change.messageId);
      if (!entry) return;
      if (change.type === "message_edited") this.#store({ ...entry, text: change.text, edited: true });
      else this.#store({ ...entry, text: "", deleted: true });
    }
  }

  #changeMembers(set: readonly Pick<Member, "userId" | "role">[], removed: readonly string[]) {
    const members = new Map(this.#conversation.members.map((member) => [member.userId, member]));
    for (const member of set) members.set(member.userId, { ...members.get(member.userId), ...member });
    for (const userId of removed) members.delete(userId);
    this.#conversation = { ...this.#conversation, members: [...members.values()] };
  }

  #store(entry: Entry & { id: string }): void {
    this.#stored.set(entry.id, entry);
    this.#sorted = undefined;
  }

  /** A message of one's own that leaves now. */
  addWaiting(clientId: string, text: string, at: number): void {
    const key = `${this.#me} ${clientId}`;
    if (this.#waiting.has(clientId) || this.entries.some((entry) => entry.key === key)) return;
    this.#waiting.set(clientId, { key, senderId: this.#me, text, at });
  }

  /** The server has stored it. */
  acknowledge(clientId: string, id: string, at: number): void {
    const entry = this.#waiting.get(clientId);
    if (!entry) return;
    this.#waiting.delete(clientId);
    if (!this.#stored.has(id)) this.#store({ ...entry, id, at });
  }

  /** The server has refused it for good. */
  refuse(clientId: string, failure: string): void {
    const entry = this.#waiting.get(clientId);
    if (entry) this.#waiting.set(clientId, { ...entry, failure });
  }

  onReceipt({ userId, kind, upTo }: Receipt): void {
    this.#advance(userId, kind, upTo);
    // Whoever has read it has it.
    if (kind === "read") this.#advance(userId, "delivered", upTo);
  }

  markOf(entry: Entry): Mark {
    const { id } = entry;
    if (id === undefined) return entry.failure === undefined ? "waiting" : "failed";
    const others = this.others.map((userId) => this.#of(userId));
    if (others.length === 0) return "sent";
    if (others.every(({ read }) => read >= id)) return "read";
    return others.every(({ delivered, read }) => delivered >= id || read >= id) ? "delivered" : "sent";
  }

  #of(userId: string): Progress {
    const progress = this.#progress.get(userId) ?? { delivered: "", read: "" };
    this.#progress.set(userId, progress);
    return progress;
  }

  #advance(userId: string, kind: "delivered" | "read", upTo: string): void {
    const progress = this.#of(userId);
    if (upTo > progress[kind]) progress[kind] = upTo;
  }
}
