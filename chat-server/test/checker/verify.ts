import type { ApplicationHistory, Attempt, ConversationHistory, History, SeenMessage } from "./history.ts";

/** What of the contract a history breaks. */
export const Broken = {
  /** An acknowledged message did not reach an application of a member. */
  Lost: "lost",
  /** An application got a message twice, or one `clientId` was stored as two messages. */
  Doubled: "doubled",
  /** Two applications saw the messages of a conversation in different orders, or in another order than that of the ids. */
  Reordered: "reordered",
  /** An application got what nobody sent, what was sent otherwise, or what was sent to others. */
  Phantom: "phantom",
  /** An acknowledgement names another message than the one that came. */
  WrongAcknowledgement: "wrong_acknowledgement",
  /** A receipt said less than an earlier one. */
  ReceiptWentBack: "receipt_went_back",
  /** A receipt named what is no message. */
  ForgedReceipt: "forged_receipt",
} as const;
export type Broken = (typeof Broken)[keyof typeof Broken];

export interface Violation {
  readonly broken: Broken;
  /** Who, which message, and what was expected. */
  readonly what: string;
}

/**
 * Looks for everything by which a history breaks the contract of the chat server; without a violation the history proves, for this run,
 * that every acknowledged message reached every application of every member exactly once and in one order, that receipts never went back,
 * and that nothing came which was not sent. Who came by invitation must have what was sent after that was acknowledged, and may have all
 * that was sent before the end of the stay; of a stay that is over a device must have everything up to the last message that it has, for it may
 * have been away at the end. The history must be of a run that has come to rest.
 */
export function verify(history: History): Violation[] {
  const violations: Violation[] = [];
  const report = (broken: Broken, what: string) => void violations.push({ broken, what });
  const attempts = new Map(history.attempts.map((attempt) => [keyOf(attempt), attempt]));
  const conversations = new Map(history.conversations.map((conversation) => [conversation.id, conversation]));
  const stored = storedIds(history, report);

  for (const application of history.applications) {
    verifyMessages(application, { attempts, conversations, report });
    verifyReceipts(application, new Set(stored.values()), report);
  }
  verifyOrders(history.applications, report);

  for (const { senderId, clientId, messageId } of history.acknowledgements) {
    const key = keyOf({ senderId, clientId });
    const attempt = attempts.get(key);
    if (!attempt) report(Broken.Phantom, `${key} was acknowledged but not sent`);
    const id = stored.get(key);
    if (id !== undefined && id !== messageId)
      report(Broken.WrongAcknowledgement, `${key} was acknowledged as ${messageId} but came as ${id}`);
  }
  verifyNothingLost(history, attempts, conversations, report);
  return violations;
}

type Report = (broken: Broken, what: string) => void;

const keyOf = ({ senderId, clientId }: Pick<Attempt, "senderId" | "clientId">) => `${senderId}/${clientId}`;
const nameOf = ({ userId, deviceId }: ApplicationHistory) => `${userId} on ${deviceId}`;

/** The one message id of each name that a sender gave. */
function storedIds(history: History, report: Report): Map<string, string> {
  const ids = new Map<string, string>();
  for (const application of history.applications)
    for (const message of application.messages) {
      const key = keyOf(message);
      const id = ids.get(key);
      if (id === undefined) ids.set(key, message.id);
      else if (id !== message.id) report(Broken.Doubled, `${key} was stored as ${id} and as ${message.id}`);
    }
  return ids;
}

function verifyMessages(
  application: ApplicationHistory,
  context: { attempts: Map<string, Attempt>; conversations: Map<string, ConversationHistory>; report: Report },
): void {
  const { attempts, conversations, report } = context;
  const seen = new Set<string>();
  for (const message of application.messages) {
    const key = keyOf(message);
    if (seen.has(message.id)) report(Broken.Doubled, `${nameOf(application)} got ${key} (${message.id}) twice`);
    seen.add(message.id);
    const attempt = attempts.get(key);
    if (!attempt) report(Broken.Phantom, `${nameOf(application)} got ${key}, which nobody sent`);
    else if (attempt.text !== message.text || attempt.conversationId !== message.conversationId)
      report(
        Broken.Phantom,
        `${nameOf(application)} got ${key} with another text or conversation than it was sent with`,
      );
    if (!mayHave(conversations.get(message.conversationId), application.userId, attempt?.at ?? 0))
      report(Broken.Phantom, `${nameOf(application)} got ${key} of a conversation without being a member`);
  }
}

function verifyReceipts(application: ApplicationHistory, messageIds: Set<string>, report: Report): void {
  const last = new Map<string, string>();
  for (const { conversationId, userId, kind, upTo } of application.receipts) {
    const key = `${kind} of ${userId} in ${conversationId}`;
    const before = last.get(key);
    if (before !== undefined && upTo < before)
      report(Broken.ReceiptWentBack, `${nameOf(application)} saw ${key} at ${before}, then at ${upTo}`);
    if (!messageIds.has(upTo))
      report(Broken.ForgedReceipt, `${nameOf(application)} saw ${key} at ${upTo}, which is no message`);
    last.set(key, upTo);
  }
}

/** Message ids order a conversation (PROTOCOL.md), so the orders are one and the same exactly if each is that of the ids. */
function verifyOrders(applications: readonly ApplicationHistory[], report: Report): void {
  for (const application of applications) {
    const last = new Map<string, SeenMessage>();
    for (const message of application.messages) {
      const before = last.get(message.conversationId);
      if (before && message.id < before.id)
        report(
          Broken.Reordered,
          `${nameOf(application)} got ${keyOf(message)} (${message.id}) after ${keyOf(before)} (${before.id}) in ${message.conversationId}`,
        );
      last.set(message.conversationId, message);
    }
  }
}

function verifyNothingLost(
  history: History,
  attempts: Map<string, Attempt>,
  conversations: Map<string, ConversationHistory>,
  report: Report,
): void {
  const acknowledged = new Map(history.acknowledgements.map((one) => [keyOf(one), one.at]));
  const seen = new Map(history.applications.map((one) => [one, new Set(one.messages.map(keyOf))]));
  for (const acknowledgement of history.acknowledgements) {
    const key = keyOf(acknowledgement);
    const attempt = attempts.get(key);
    const conversation = conversations.get(attempt?.conversationId ?? "");
    const time = { from: attempt?.at ?? 0, to: acknowledgement.at };
    for (const [application, keys] of seen)
      if (
        !keys.has(key) &&
        mustHave(
          conversation,
          application,
          { ...time, messageId: acknowledgement.messageId },
          { attempts, acknowledged },
        )
      )
        report(
          Broken.Lost,
          `${nameOf(application)} never got ${key} (${acknowledgement.messageId}) of ${attempt?.conversationId}`,
        );
  }
}

/** Whether a user was a member for the whole time in which a message was on its way to being stored, and the device heard of it. */
function mustHave(
  conversation: ConversationHistory | undefined,
  application: ApplicationHistory,
  { from, to, messageId }: { from: number; to: number; messageId: string },
  times: Times,
): boolean {
  if (!conversation) return false;
  if (conversation.members.includes(application.userId)) return true;
  return conversation.stays.some((stay) => {
    const { userId, invitedAt = Number.POSITIVE_INFINITY, leavingAt } = stay;
    if (userId !== application.userId || invitedAt > from) return false;
    if (leavingAt === undefined) return true;
    return to <= leavingAt && messageId < lastOf(application, conversation.id, { invitedAt, leavingAt }, times);
  });
}

/** When each message was asked to be sent, and when it was acknowledged. */
interface Times {
  readonly attempts: ReadonlyMap<string, Attempt>;
  readonly acknowledged: ReadonlyMap<string, number>;
}

/** The last message of a stay that a device has got. One that was asked to be sent in a stay may have been stored in the next. */
function lastOf(
  { messages }: ApplicationHistory,
  conversationId: string,
  { invitedAt, leavingAt }: { invitedAt: number; leavingAt: number },
  { attempts, acknowledged }: Times,
): string {
  let last = "";
  for (const message of messages) {
    const key = keyOf(message);
    const from = attempts.get(key)?.at ?? -1;
    const to = acknowledged.get(key) ?? Number.POSITIVE_INFINITY;
    if (message.conversationId === conversationId && from >= invitedAt && to <= leavingAt && message.id > last)
      last = message.id;
  }
  return last;
}

/** Members may read what was before them, but not what was sent after they had left. */
function mayHave(conversation: ConversationHistory | undefined, user: string, sentAt: number): boolean {
  if (conversation?.members.includes(user)) return true;
  return (conversation?.stays ?? []).some(
    ({ userId, leftAt = Number.POSITIVE_INFINITY }) => userId === user && sentAt <= leftAt,
  );
}
