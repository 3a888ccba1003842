import { randomBytes } from "node:crypto";
import type { Position } from "@chatcluster/protocol";
import type { Broker, BrokerListener, Claim, LogEvent, LogRead, LogSeed, Reserved } from "./broker.ts";
import { CountedChannels } from "./counted-channels.ts";
import { messageId, randomPart, timeOf } from "./message-id.ts";

interface ClaimState {
  committed: boolean;
  messageId: string;
  sentAt: number;
  digest: string;
}

interface Log {
  epoch: string;
  offset: number;
  lastAt: number;
  lastSequence: number;
  /** In order of reservation; `body` once committed. */
  pending: Map<string, { reservedAt: number; body?: string }>;
  events: LogEvent[];
  claims: Map<string, ClaimState>;
  /** The last that was published, or that the store had when the log began. */
  last: string;
}

/**
 * The broker of one process. Its logs live as long as the process: after a restart each conversation begins a new epoch, seeded from the
 * store. Claims are bounded by number, not by time.
 */
export class EmbeddedBroker implements Broker {
  readonly #logs = new Map<string, Log>();
  readonly #logLength: number;
  readonly #conversations = new CountedChannels(async () => undefined, ignore);
  readonly #topics = new CountedChannels(async () => undefined, ignore);
  readonly #users = new CountedChannels(async () => undefined, ignore);
  #listener: BrokerListener | undefined;

  constructor(options: { logLength: number }) {
    this.#logLength = options.logLength;
  }

  async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#logs.clear();
  }

  problem(): undefined {
    return undefined;
  }

  async reserve(claim: Claim): Promise<Reserved> {
    const log = this.#logs.get(claim.conversationId);
    if (!log) return { outcome: "cold" };
    const earlier = log.claims.get(claimKey(claim));
    if (earlier) {
      const { messageId, sentAt } = earlier;
      if (earlier.digest !== claim.digest) return { outcome: "conflict" };
      if (earlier.committed) return { outcome: "committed", messageId, sentAt };
      if (log.pending.has(messageId)) return { outcome: "reserved", messageId, sentAt };
    }
    const now = Date.now();
    log.lastSequence = now > log.lastAt ? 0 : log.lastSequence + 1;
    log.lastAt = Math.max(now, log.lastAt);
    const id = messageId(log.lastAt, log.lastSequence, randomPart());
    log.pending.set(id, { reservedAt: now });
    log.claims.set(claimKey(claim), { committed: false, messageId: id, sentAt: log.lastAt, digest: claim.digest });
    this.#boundClaims(log);
    return {
      outcome: "reserved",
      messageId: id,
      sentAt: log.lastAt,
      ...(earlier ? { replaces: earlier.messageId } : {}),
    };
  }

  /** A log is lost with the process only, and with it what was on its way. */
  async settled(): Promise<string> {
    return "";
  }

  async open(conversationId: string, seed: LogSeed): Promise<Position> {
    let log = this.#logs.get(conversationId);
    if (!log) {
      log = {
        epoch: randomBytes(9).toString("base64url"),
        offset: 0,
        lastAt: seed.lastId === "" ? 0 : timeOf(seed.lastId),
        lastSequence: 0,
        pending: new Map(),
        events: [],
        claims: new Map(seed.recent.map((m) => [claimKey(m), { ...m, committed: true }])),
        last: seed.lastId,
      };
      this.#logs.set(conversationId, log);
    }
    return { epoch: log.epoch, offset: log.offset };
  }

  async commit(claim: Claim, messageId: string, body: string): Promise<"published" | "held" | "abandoned"> {
    const log = this.#logs.get(claim.conversationId);
    const known = log?.claims.get(claimKey(claim));
    const pending = log?.pending.get(messageId);
    if (!log || !pending) return known?.committed && known.messageId === messageId ? "published" : "abandoned";
    pending.body = body;
    if (known) known.committed = true;
    this.#release(claim.conversationId, log);
    if (!log.pending.has(messageId)) return "published";
    this.#listener?.onHeld(claim.conversationId);
    return "held";
  }

  async abandon(conversationId: string, messageId: string): Promise<void> {
    const log = this.#logs.get(conversationId);
    const pending = log?.pending.get(messageId);
    if (!log || !pending || pending.body !== undefined) return;
    log.pending.delete(messageId);
    this.#release(conversationId, log);
  }

  async stale(conversationId: string, ageMs: number): Promise<{ messageIds: string[]; pending: boolean }> {
    const pending = this.#logs.get(conversationId)?.pending ?? new Map();
    const now = Date.now();
    const messageIds = [...pending]
      .filter(([, p]) => p.body === undefined && now - p.reservedAt >= ageMs)
      .map(([id]) => id);
    return { messageIds, pending: pending.size > 0 };
  }

  async read(conversationId: string, after: Position | undefined, limit: number): Promise<LogRead | undefined> {
    const log = this.#logs.get(conversationId);
    if (!log) return undefined;
    const position = { epoch: log.epoch, offset: log.offset };
    const answer: LogRead = {
      recovered: true,
      position,
      pending: log.pending.size > 0,
      events: [],
      last: log.last,
    };
    if (!after) return answer;
    const first = log.offset - log.events.length + 1;
    if (after.epoch !== log.epoch || after.offset > log.offset || after.offset + 1 < first)
      return { ...answer, recovered: false };
    const start = after.offset + 1 - first;
    return { ...answer, events: log.events.slice(start, start + limit) };
  }

  subscribeConversation(conversationId: string): Promise<void> {
    return this.#conversations.add(conversationId);
  }

  unsubscribeConversation(conversationId: string): void {
    this.#conversations.remove(conversationId);
  }

  async invalidate(conversationId: string): Promise<void> {
    if (this.#conversations.has(conversationId)) this.#listener?.onInvalidated(conversationId);
  }

  subscribeUser(userId: string): Promise<void> {
    return this.#users.add(userId);
  }

  unsubscribeUser(userId: string): void {
    this.#users.remove(userId);
  }

  subscribeTopic(topic: string): Promise<void> {
    return this.#topics.add(topic);
  }

  unsubscribeTopic(topic: string): void {
    this.#topics.remove(topic);
  }

  async publishTopic(topic: string, payload: string): Promise<void> {
    if (this.#topics.has(topic)) this.#listener?.onTopic(topic, payload);
  }

  async barrier(): Promise<void> {
    return;
  }

  async publishToUsers(userIds: readonly string[], payload: string): Promise<void> {
    for (const userId of userIds) if (this.#users.has(userId)) this.#listener?.onUserEvent(userId, payload);
  }

  #release(conversationId: string, log: Log): void {
    for (const [id, { body }] of log.pending) {
      if (body === undefined) return;
      log.pending.delete(id);
      log.last = id;
      const event = { messageId: id, body, position: { epoch: log.epoch, offset: ++log.offset } };
      log.events.push(event);
      if (log.events.length > this.#logLength) log.events.shift();
      if (this.#conversations.has(conversationId)) this.#listener?.onEvent(conversationId, event);
    }
  }

  /** As many as the store seeds after a restart would not do for a busy conversation; ten times the log is 10,000 by default. */
  #boundClaims(log: Log): void {
    if (log.claims.size <= this.#logLength * 10) return;
    for (const [key, claim] of log.claims) {
      if (!claim.committed) continue;
      log.claims.delete(key);
      return;
    }
  }
}

const claimKey = (claim: { senderId: string; clientId: string }) => `${claim.senderId}:${claim.clientId}`;
const ignore = () => undefined;
