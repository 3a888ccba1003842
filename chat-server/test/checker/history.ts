import type { ReceiptKind } from "@chatcluster/protocol";

/** What one run of the checker recorded, at the outermost edge: what applications asked for and what they were given. */
export interface History {
  /** How much has been recorded: the time of what is recorded next. */
  clock: number;
  readonly conversations: ConversationHistory[];
  /** Everything that an application asked to have sent, whether or not it was acknowledged. */
  readonly attempts: Attempt[];
  readonly acknowledgements: Acknowledgement[];
  /** One for each device: an application that lived through the whole run. */
  readonly applications: ApplicationHistory[];
}

export interface ConversationHistory {
  readonly id: string;
  /** From the beginning to the end. */
  readonly members: readonly string[];
  /** Of those who come and go, the one after the other. */
  readonly stays: Stay[];
}

/** One membership of somebody who came by invitation, by the history's own clock, which counts what is recorded. */
export interface Stay {
  readonly userId: string;
  readonly invitingAt: number;
  /** When the invitation was acknowledged. */
  invitedAt?: number;
  leavingAt?: number;
  leftAt?: number;
}

export interface Attempt {
  readonly senderId: string;
  readonly conversationId: string;
  readonly clientId: string;
  readonly text: string;
  readonly at: number;
}

export interface Acknowledgement {
  readonly senderId: string;
  readonly clientId: string;
  readonly messageId: string;
  readonly at: number;
}

export interface ApplicationHistory {
  readonly userId: string;
  readonly deviceId: string;
  /** By the transport that was in use, under the name that the client package gives it. */
  readonly carried: Map<string, Carried>;
  /** In the order in which the application got them. */
  readonly messages: SeenMessage[];
  readonly receipts: SeenReceipt[];
}

/** What one transport has carried. */
export interface Carried {
  connections: number;
  /** Messages that the application was given. */
  received: number;
  /** Messages of the application's own that were acknowledged. */
  acknowledged: number;
}

export interface SeenMessage extends Omit<Attempt, "at"> {
  readonly id: string;
}

export interface SeenReceipt {
  readonly conversationId: string;
  readonly userId: string;
  readonly kind: ReceiptKind;
  readonly upTo: string;
}

/** What each transport has carried to and from all devices together. */
export function carriedBy(history: History, transport: string): Carried {
  const sum: Carried = { connections: 0, received: 0, acknowledged: 0 };
  for (const { carried } of history.applications) {
    const one = carried.get(transport);
    sum.connections += one?.connections ?? 0;
    sum.received += one?.received ?? 0;
    sum.acknowledged += one?.acknowledged ?? 0;
  }
  return sum;
}

export const emptyHistory = (): History => ({
  clock: 0,
  conversations: [],
  attempts: [],
  acknowledgements: [],
  applications: [],
});
