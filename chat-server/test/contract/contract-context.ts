import assert from "node:assert/strict";
import type { Carrier } from "../support/carriers.ts";
import type { RawClient } from "../support/raw-client.ts";

/** What the parts of the contract work with; of both servers the second one may be the first. */
export interface ContractContext {
  carrier: Carrier;
  connect(server: 0 | 1, user: string): Promise<RawClient>;
  login(server: 0 | 1, user: string, body?: Parameters<RawClient["login"]>[0]): Promise<RawClient>;
}

/** Users of their own for each test, so that tests share servers and nothing else. */
let counter = 0;
export const names = (...users: string[]) => {
  counter++;
  return users.map((user) => `${user}-${counter}-${Date.now().toString(36)}`);
};

export const range = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);
export const ids = (client: RawClient, conversationId: string) =>
  client.messages(conversationId).map((frame) => frame.message.id);

/** What every change of a conversation has. */
export const change = (clientId: string, conversationId: string) => ({ clientId, conversationId });

/** An error's code, or else the type of the answer. */
export const codeOf = (answer: { type: string; code?: string }) =>
  answer.type === "error" ? answer.code : answer.type;
/** One of a kind: the same owner gets the same group again. */
export const group = (owner: RawClient, memberIds: string[], title = "Team") => named("g", owner, memberIds, title);
/** A group of its own each time. */
export const created = (owner: RawClient, memberIds: string[]) => named(`g-${counter++}`, owner, memberIds, "Team");

async function named(clientId: string, owner: RawClient, memberIds: string[], title: string): Promise<string> {
  const answer = await owner.request("create_conversation", { clientId, kind: "group", memberIds, title });
  assert.ok(answer.type === "conversation");
  return answer.conversation.id;
}

/** Changes of a conversation that a client has got. */
export const changes = (client: RawClient, id: string) =>
  client
    .frames("conversation_changed")
    .filter((frame) => frame.conversationId === id)
    .map((frame) => frame.change);
