/**
 * Every key and channel in Redis. The braces are literal: Redis Cluster hashes what stands between them, so that all keys of one conversation
 * (or of one user) lie on one node and one script may touch them. Ids hold neither braces nor colons (protocol, `identifier`).
 */
export const keys = {
  /** Hash: run, epoch, offset, last (published), lastAt and lastSequence (reserved). */
  state: (conversationId: string) => `conversation:{${conversationId}}:state`,
  /** Sorted set: ids of messages that are reserved and not published, by their time. */
  pending: (conversationId: string) => `conversation:{${conversationId}}:pending`,
  /** Hash: id → "@reserved at" or the committed message. */
  held: (conversationId: string) => `conversation:{${conversationId}}:held`,
  /** Stream, bounded: the recent log. Entry ids are `<offset>-0`. */
  log: (conversationId: string) => `conversation:{${conversationId}}:log`,
  /** String: what became of a sender's message of that name. */
  claim: (conversationId: string, senderId: string, clientId: string) =>
    `conversation:{${conversationId}}:claim:${senderId}:${clientId}`,
  /** Channel. */
  conversation: (conversationId: string) => `conversation:{${conversationId}}`,

  /** Channel: receipts, invitations, and notices of the offline list. */
  user: (userId: string) => `user:{${userId}}:messages`,
  /** String with expiry: when the user last had a connection, in ms. */
  lastSeen: (userId: string) => `user:{${userId}}:last_seen`,
  /** String with expiry: address of a server that holds a connection of the user. */
  server: (userId: string) => `user:{${userId}}:server`,
  /** Hash: server instance → its address, for each that holds connections of the user; outlives a crash on purpose. */
  sessions: (userId: string) => `user:{${userId}}:sessions`,
  /** List: messages for a user without a connection, oldest first. */
  offline: (userId: string) => `user:{${userId}}:offline_messages`,
  /** String: the list has lost its oldest entries. */
  overflow: (userId: string) => `user:{${userId}}:offline_overflow`,

  /** Channel: who types in a conversation, who comes and goes. */
  topic: (topic: string) => `topic:{${topic}}`,

  /** String with expiry: a running server. */
  alive: (instance: string) => `server:{${instance}}:alive`,
} as const;
