import { createHash } from "node:crypto";

const LIVE = "l-";

/**
 * Whether an id names a live conversation. Its kind is part of the id, so that what is on the hot path, or deals with ids alone (logins,
 * cursors), needs no reading to tell.
 */
export const isLive = (conversationId: string): boolean => conversationId.startsWith(LIVE);

/** One id for a pair, whoever creates it and however often. Ids hold no spaces, so that no two pairs make one text. */
export const directId = (memberIds: readonly string[]) => `d-${digest([...memberIds].sort().join(" "))}`;
export const groupId = (creatorId: string, clientId: string) => `g-${digest(`${creatorId} ${clientId}`)}`;
export const liveId = (creatorId: string, clientId: string) => LIVE + digest(`${creatorId} ${clientId}`);

const digest = (text: string) => createHash("sha256").update(text).digest("base64url").slice(0, 27);
