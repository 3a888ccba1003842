import { hash } from "node:crypto";
import type { BinaryMessage, ConversationChange, Message, Position } from "@chatcluster/protocol";

/**
 * A message as it stands in the log, in offline lists and inside frames. The order of the fields is fixed: what reads only the head
 * (`offline_acknowledge.lua`, {@link senderOf}) relies on it.
 */
export function messageJson({ id, conversationId, senderId, clientId, sentAt, text, data }: Message): string {
  return JSON.stringify({
    id,
    conversationId,
    senderId,
    clientId,
    sentAt,
    text,
    ...(data === undefined ? {} : { data }),
  });
}

const SENDER = /^\{"id":"[0-9A-Z]+","conversationId":"[^"]+","senderId":"([^"]+)"/;

export const senderOf = (body: string): string => SENDER.exec(body)?.[1] ?? "";

/** The same for a binary frame. */
export function binaryMessage(body: string, position: Position): BinaryMessage {
  const { id, conversationId, senderId, clientId, sentAt, text, data } = JSON.parse(body) as Message;
  const content = data === undefined ? text : Buffer.from(data, "base64");
  return { id, conversationId, senderId, clientId, sentAt, content, position };
}

const CHANGE_HEAD = '{"change":';

/** A change as it stands in the log. */
export const changeJson = (change: ConversationChange): string => `${CHANGE_HEAD}${JSON.stringify(change)}}`;

/** The change that a body of the log holds; undefined if it is a message. */
export function changeOf(body: string): ConversationChange | undefined {
  return body.startsWith(CHANGE_HEAD) ? (JSON.parse(body) as { change: ConversationChange }).change : undefined;
}

/** Tells one message from another under the same `clientId`. No text has the digest of any data: those end in a letter of their own. */
export const digestOf = ({ text, data }: Pick<Message, "text" | "data">): string =>
  data === undefined ? digest(text) : `${digest(data).slice(1)}x`;

const digest = (text: string) => hash("sha256", text).slice(0, 32);
