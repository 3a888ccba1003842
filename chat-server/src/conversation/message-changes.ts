import { CodedError } from "@chatcluster/foundation/errors";
import type { DeleteMessage, EditMessage, Message } from "@chatcluster/protocol";
import type { Stores } from "../store/stores.ts";
import type { Conversations } from "./conversations.ts";
import type { LogChanges } from "./log-changes.ts";
import type { Members } from "./membership.ts";

export interface MessageChangeServices {
  stores: Stores;
  conversations: Conversations;
  changes: LogChanges;
}

/** Editing and deleting what has been sent. Both reject with CodedError `conversation_not_found`, `invalid_frame`, `forbidden` or `unavailable`. */
export class MessageChanges {
  readonly #services: MessageChangeServices;

  constructor(services: MessageChangeServices) {
    this.#services = services;
  }

  async edit(userId: string, { conversationId, clientId, messageId, text }: EditMessage): Promise<void> {
    const { message } = await this.#find(userId, conversationId, messageId);
    if (message.senderId !== userId) throw new CodedError("forbidden", "only its sender edits a message");
    if (message.deletedAt !== undefined) throw new CodedError("forbidden", "the message has been deleted");
    if (message.data !== undefined) throw new CodedError("forbidden", "only a text can be edited");
    await this.#services.changes.append(
      { conversationId, userId, clientId },
      { type: "message_edited", messageId, text },
      (changeId, at) => this.#services.stores.messages.edit({ conversationId, messageId, changeId, at, text }),
    );
  }

  async delete(userId: string, { conversationId, clientId, messageId }: DeleteMessage): Promise<void> {
    const { message, members } = await this.#find(userId, conversationId, messageId);
    const role = members.get(userId);
    if (message.senderId !== userId && role !== "owner" && role !== "admin")
      throw new CodedError("forbidden", "a message is deleted by its sender, or by an owner or admin");
    await this.#services.changes.append(
      { conversationId, userId, clientId },
      { type: "message_deleted", messageId },
      (changeId, at) => this.#services.stores.messages.erase({ conversationId, messageId, changeId, at }),
    );
  }

  async #find(
    userId: string,
    conversationId: string,
    messageId: string,
  ): Promise<{ message: Message; members: Members }> {
    const { membership } = this.#services.conversations;
    const { members } = await membership.authorize(userId, conversationId, "publish");
    const message = await this.#services.stores.messages.get(conversationId, messageId);
    if (!message) throw new CodedError("invalid_frame", `messageId: no message ${messageId} in ${conversationId}`);
    return { message, members };
  }
}
