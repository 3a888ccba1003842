import assert from "node:assert/strict";
import type { Position, Rights } from "@chatcluster/protocol";
import type { RawClient } from "../support/raw-client.ts";

export const OPEN: Rights = { subscribe: "anyone", publish: "anyone" };
export const FEED: Rights = { subscribe: "anyone", publish: "members" };
export const PRIVATE: Rights = { subscribe: "members", publish: "members" };

/** One of a kind: the same owner gets the same one again under the same name. */
export async function createLive(
  owner: RawClient,
  rights: Rights,
  memberIds: string[] = [],
  clientId = "live",
): Promise<string> {
  const created = await owner.request("create_conversation", {
    clientId,
    kind: "live",
    title: "Scores",
    memberIds,
    rights,
  });
  assert.ok(created.type === "conversation");
  return created.conversation.id;
}

/** Subscribes, and waits for the word of the connection that brings the events, which over HTTP is another one than that of the request. */
export async function subscribe(client: RawClient, conversationId: string, position?: Position) {
  const count = client.frames("subscribed").length;
  await client.request("subscribe", { conversationId, ...(position ? { position } : {}) });
  return client.until(() => client.frames("subscribed")[count], "the subscription");
}

/** As data travels in JSON. */
export const base64 = (...values: number[]) => Buffer.from(values).toString("base64");
