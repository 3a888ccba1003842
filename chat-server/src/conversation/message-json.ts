import { createHash } from "node:crypto";
import type { Message } from "@chatcluster/protocol";

/**
 * A message as it stands in the log, in offline lists and inside frames. The order of the fields is fixed: what reads only the head
 * (`offline_acknowledge.lua`, {@link senderOf}) relies on it.
 */
export function messageJson({ id, conversationId, senderId, clientId, sentAt, text }: Message): string {
  return JSON.stringify({ id, conversationId, senderId, clientId, sentAt, text });
}

const SENDER = /^\{"id":"[0-9A-Z]+","conversationId":"[^"]+","senderId":"([^"]+)"/;

export const senderOf = (body: string): string => SENDER.exec(body)?.[1] ?? "";

/** Tells one text from another under the same `clientId`. */
export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
