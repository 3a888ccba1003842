import { CodedError } from "@chatcluster/foundation/errors";
import type {
  Conversation,
  Invite,
  Leave,
  RemoveMember,
  Rename,
  Role,
  SetRights,
  SetRole,
} from "@chatcluster/protocol";
import type { Broker } from "../broker/broker.ts";
import type { UserDirectory } from "../directory/user-directory.ts";
import type { Stores } from "../store/stores.ts";
import type { ConversationLog } from "./conversation-log.ts";
import { type Conversations, checkMembers } from "./conversations.ts";
import type { LogChanges, NewChange } from "./log-changes.ts";
import { type Members, membersOf, notFound } from "./membership.ts";

export interface GroupServices {
  stores: Stores;
  broker: Broker;
  directory: UserDirectory;
  log: ConversationLog;
  conversations: Conversations;
  changes: LogChanges;
  /** Of one conversation. */
  maxMembers: number;
}

/** Who belongs to a group or a live conversation, and what it is called. Every method rejects with CodedError `conversation_not_found`, `forbidden` or `unavailable`. */
export class Groups {
  readonly #services: GroupServices;

  constructor(services: GroupServices) {
    this.#services = services;
  }

  /**
   * One at a time in a conversation, so that two together don't exceed what each alone keeps to.
   * @throws CodedError `too_many_members`, too
   */
  async invite(userId: string, invite: Invite): Promise<void> {
    // Before the lock, so that whoever may not invite keeps nobody waiting.
    await this.#group(userId, invite.conversationId, ["owner", "admin"]);
    await this.#services.stores.conversations.exclusively(invite.conversationId, () => this.#invite(userId, invite));
  }

  async #invite(userId: string, { conversationId, clientId, userIds }: Invite): Promise<void> {
    const { members } = await this.#group(userId, conversationId, ["owner", "admin"]);
    const added = userIds.filter((id) => !members.has(id));
    checkMembers(members.size + added.length, this.#services.maxMembers);
    // Before they are members: whatever is sent to them as such comes after it.
    const end = await this.#services.log.read(conversationId, undefined, 0);
    // Named in full, so that a retry after the members were stored is the same change.
    const set = userIds.map((id) => ({ userId: id, role: members.get(id) ?? ("member" as const) }));
    await this.#change({ conversationId, userId, clientId }, { type: "members_changed", set, removed: [] }, (at) =>
      this.#services.stores.conversations.addMembers(
        conversationId,
        set.filter((member) => !members.has(member.userId)),
        at,
      ),
    );
    const conversation = await this.#services.stores.conversations.get(conversationId);
    if (conversation) await this.#services.conversations.announce(conversation, end, userIds);
  }

  async leave(userId: string, { conversationId, clientId }: Leave): Promise<void> {
    const { members } = await this.#group(userId, conversationId, ["owner", "admin", "member"]);
    if (members.size > 1) requireOwner(members, userId);
    await this.#remove(userId, conversationId, clientId, userId);
  }

  async remove(userId: string, { conversationId, clientId, userId: removed }: RemoveMember): Promise<void> {
    const { members, role } = await this.#group(userId, conversationId, ["owner", "admin"]);
    if (removed === userId) throw new CodedError("forbidden", "to end your own membership, leave");
    const theirs = members.get(removed) ?? "member";
    if (role !== "owner" && theirs !== "member")
      throw new CodedError("forbidden", `only an owner removes an ${theirs}`);
    await this.#remove(userId, conversationId, clientId, removed);
  }

  async setRole(userId: string, { conversationId, clientId, userId: other, role }: SetRole): Promise<void> {
    const { members } = await this.#group(userId, conversationId, ["owner"]);
    if (!members.has(other)) throw new CodedError("invalid_frame", `userId: ${other} is no member`);
    if (role !== "owner") requireOwner(members, other);
    const set = [{ userId: other, role }];
    await this.#change({ conversationId, userId, clientId }, { type: "members_changed", set, removed: [] }, () =>
      this.#services.stores.conversations.setRole(conversationId, other, role),
    );
  }

  async rename(userId: string, { conversationId, clientId, title }: Rename): Promise<void> {
    await this.#group(userId, conversationId, ["owner", "admin"]);
    await this.#change({ conversationId, userId, clientId }, { type: "renamed", title }, () =>
      this.#services.stores.conversations.rename(conversationId, title),
    );
  }

  async setRights(userId: string, { conversationId, clientId, rights }: SetRights): Promise<void> {
    const { conversation } = await this.#group(userId, conversationId, ["owner"]);
    if (conversation.kind !== "live") throw new CodedError("forbidden", "the rights of a group are its members' alone");
    await this.#change({ conversationId, userId, clientId }, { type: "rights_changed", rights }, () =>
      this.#services.stores.conversations.setRights(conversationId, rights),
    );
  }

  async #remove(userId: string, conversationId: string, clientId: string, removed: string): Promise<void> {
    const { stores, broker, directory } = this.#services;
    let place = "";
    await this.#change(
      { conversationId, userId, clientId },
      { type: "members_changed", set: [], removed: [removed] },
      (_at, changeId) => {
        place = changeId;
        return stores.conversations.removeMember(conversationId, removed);
      },
    );
    // Not when it is sent: who is invited again by then would get it, in the midst of what came since.
    await directory.acknowledge(removed, conversationId, place);
    await broker.publishToUsers([removed], JSON.stringify({ type: "conversation_removed", conversationId }));
  }

  /** Every server forgets what it knew of members and rights as soon as they are stored, also if the log has to wait for something. */
  async #change(
    by: { conversationId: string; userId: string; clientId: string },
    change: NewChange,
    store: (at: number, changeId: string) => Promise<void>,
  ): Promise<void> {
    await this.#services.changes.append(by, change, async (changeId, at) => {
      await store(at, changeId);
      await this.#services.broker.invalidate(by.conversationId);
    });
  }

  /** Read from the store: what is decided by roles is not decided by what a server remembers. */
  async #group(
    userId: string,
    conversationId: string,
    allowed: readonly Role[],
  ): Promise<{ conversation: Conversation; members: Members; role: Role }> {
    const conversation = await this.#services.stores.conversations.get(conversationId);
    if (!conversation) throw notFound(conversationId);
    const members = membersOf(conversation);
    if (!members.has(userId)) throw notFound(conversationId);
    if (conversation.kind === "direct")
      throw new CodedError("forbidden", "the members of a direct conversation never change");
    const role = members.get(userId) ?? "member";
    if (!allowed.includes(role)) throw new CodedError("forbidden", `this takes an ${allowed.join(" or ")}`);
    return { conversation, members, role };
  }
}

/** A group without an owner would be nobody's to manage. */
function requireOwner(members: Members, without: string): void {
  for (const [userId, role] of members) if (role === "owner" && userId !== without) return;
  throw new CodedError("forbidden", `${without} is the only owner: make another member an owner first`);
}
