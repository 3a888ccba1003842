import { CodedError } from "@chatcluster/foundation/errors";
import type { ConversationChange } from "@chatcluster/protocol";
import type { Broker } from "../broker/broker.ts";
import type { ConversationLog } from "./conversation-log.ts";
import { changeJson, digestOf } from "./message-json.ts";
import type { ReservationRecovery } from "./reservation-recovery.ts";

const ATTEMPTS = 3;

/** A change without what the log gives it. */
export type NewChange = ConversationChange extends infer Change
  ? Change extends ConversationChange
    ? Omit<Change, "by" | "at">
    : never
  : never;

export interface LogChangeServices {
  broker: Broker;
  log: ConversationLog;
  recovery: ReservationRecovery;
}

/** Puts changes of a conversation into its log, on the same way as messages: reserved, stored, committed. */
export class LogChanges {
  readonly #services: LogChangeServices;

  constructor(services: LogChangeServices) {
    this.#services = services;
  }

  /**
   * Resolves when the change is stored and in the log. A retry under the same `clientId` changes nothing more.
   *
   * @param apply stores the change; may be called again, for the same or for a later place.
   * @throws CodedError `invalid_frame` (the `clientId` stands for another change), `unavailable`
   */
  async append(
    { conversationId, userId, clientId }: { conversationId: string; userId: string; clientId: string },
    change: NewChange,
    apply: (changeId: string, at: number) => Promise<void>,
  ): Promise<void> {
    const { broker, log, recovery } = this.#services;
    // No `clientId` of a message holds a colon.
    const claim = {
      conversationId,
      senderId: userId,
      clientId: `change:${clientId}`,
      digest: digestOf({ text: JSON.stringify(change) }),
    };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const place = await log.reserve(claim);
      if (place.outcome === "conflict")
        throw new CodedError("invalid_frame", `clientId: ${clientId} stands for another change`);
      if (place.outcome === "committed") return;
      await apply(place.messageId, place.sentAt);
      const body = changeJson({ ...change, by: userId, at: place.sentAt } as ConversationChange);
      const outcome = await broker.commit(claim, place.messageId, body);
      if (outcome === "held") recovery.watch(conversationId);
      if (outcome !== "abandoned") return;
    }
    throw new CodedError("unavailable", `change ${clientId} was given up ${ATTEMPTS} times: the server is too slow`);
  }
}
