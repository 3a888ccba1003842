import type { ReceiptKind } from "@chatcluster/protocol";

/** What one run of the checker recorded, at the outermost edge: what applications asked for and what they were given. */
export interface History {
  readonly conversations: { readonly id: string; readonly members: readonly string[] }[];
  /** Everything that an application asked to have sent, whether or not it was acknowledged. */
  readonly attempts: Attempt[];
  readonly acknowledgements: Acknowledgement[];
  /** One for each device: an application that lived through the whole run. */
  readonly applications: ApplicationHistory[];
}

export interface Attempt {
  readonly senderId: string;
  readonly conversationId: string;
  readonly clientId: string;
  readonly text: string;
}

export interface Acknowledgement {
  readonly senderId: string;
  readonly clientId: string;
  readonly messageId: string;
}

export interface ApplicationHistory {
  readonly userId: string;
  readonly deviceId: string;
  /** In the order in which the application got them. */
  readonly messages: SeenMessage[];
  readonly receipts: SeenReceipt[];
}

export interface SeenMessage extends Attempt {
  readonly id: string;
}

export interface SeenReceipt {
  readonly conversationId: string;
  readonly userId: string;
  readonly kind: ReceiptKind;
  readonly upTo: string;
}

export const emptyHistory = (): History => ({
  conversations: [],
  attempts: [],
  acknowledgements: [],
  applications: [],
});
