import { createHash } from "node:crypto";
import type { ConversationChange, Message } from "@chatcluster/protocol";

/**
 * A message as it stands in the log, in offline lists and inside frames. The order of the fields is fixed: what reads only the head
 * (`offline_acknowledge.lua`, {@link senderOf}) relies on it.
 */
export function messageJson({ id, conversationId, senderId, clientId, sentAt, text }: Message): string {
  return JSON.stringify({ id, conversationId, senderId, clientId, sentAt, text });
}

const SENDER = /^\{"id":"[0-9A-Z]+","conversationId":"[^"]+","senderId":"([^"]+)"/;

export const senderOf = (body: string): string => SENDER.exec(body)?.[1] ?? "";

const CHANGE_HEAD = '{"change":';

/** A change as it stands in the log. */
export const changeJson = (change: ConversationChange): string => `${CHANGE_HEAD}${JSON.stringify(change)}}`;

/** The change that a body of the log holds; undefined if it is a message. */
export function changeOf(body: string): ConversationChange | undefined {
  return body.startsWith(CHANGE_HEAD) ? (JSON.parse(body) as { change: ConversationChange }).change : undefined;
}

/** Tells one text from another under the same `clientId`. */
export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
