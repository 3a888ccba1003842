import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { IDEMPOTENCY_WINDOW_MS, type Position } from "@chatcluster/protocol";
import type { RedisClient } from "../redis/client.ts";
import { keys } from "../redis/keys.ts";
import { SETTLE_MS } from "../redis/node.ts";
import type { Broker, BrokerListener, Claim, LogEvent, LogRead, LogSeed, Reserved } from "./broker.ts";
import { CountedChannels } from "./counted-channels.ts";
import { randomPart, timeOf } from "./message-id.ts";

/** Milliseconds after which the log of a silent conversation is dropped; its next message begins a new epoch. */
const LOG_LIFE_MS = 7 * 24 * 60 * 60 * 1_000;
/** Published on a conversation's channel, beside events (`m …`) and `h`. */
const INVALIDATED = "i";

export class RedisBroker implements Broker {
  readonly #redis: RedisClient;
  readonly #logger: Logger;
  readonly #logLength: number;
  readonly #channels: CountedChannels;
  #listener: BrokerListener | undefined;

  constructor(redis: RedisClient, options: { logLength: number; logger: Logger }) {
    this.#redis = redis;
    this.#logger = options.logger;
    this.#logLength = options.logLength;
    this.#channels = new CountedChannels(
      (channel) => this.#redis.subscribe(channel),
      (channel) => this.#redis.unsubscribe(channel),
    );
  }

  async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
    this.#redis.start({
      onMessage: (channel, message) => this.#onMessage(channel, message),
      onRenewed: (channels) => this.#onRenewed(channels),
    });
  }

  async close(): Promise<void> {
    this.#redis.close();
  }

  problem(): string | undefined {
    return this.#redis.problem();
  }

  async reserve(claim: Claim): Promise<Reserved> {
    const { conversationId: id } = claim;
    const reply = await this.#redis.script(
      "reserve",
      [keys.state(id), keys.pending(id), keys.held(id), keys.claim(id, claim.senderId, claim.clientId)],
      [claim.digest, randomPart(), IDEMPOTENCY_WINDOW_MS],
    );
    const [outcome, messageId = "", sentAt = "", replaces = ""] = texts(reply);
    switch (outcome) {
      case "cold":
      case "conflict":
        return { outcome };
      case "committed":
        return { outcome, messageId, sentAt: Number(sentAt) };
      case "reserved":
        return { outcome, messageId, sentAt: Number(sentAt), ...(replaces === "" ? {} : { replaces }) };
      default:
        throw unexpected("reserve", reply);
    }
  }

  async settled(conversationId: string): Promise<string> {
    const state = keys.state(conversationId);
    const run = await this.#redis.settledRun(state);
    const [of, lastAt] = (await this.#redis.command("hmget", state, "run", "lastAt")) as (string | null)[];
    if (of === run) return run;
    // The slot may have come from another node, where the run was long settled and messages were reserved until the last moment.
    const wait = Math.min(Number(lastAt) + SETTLE_MS - Date.now(), SETTLE_MS);
    if (wait > 0) await delay(wait);
    return run;
  }

  async open(conversationId: string, seed: LogSeed): Promise<Position | undefined> {
    const claims = seed.recent.map((message) => keys.claim(conversationId, message.senderId, message.clientId));
    const values = seed.recent.map((m) => `c:${m.messageId}:${m.sentAt}:${m.digest}`);
    const reply = await this.#redis.script(
      "open",
      [
        keys.state(conversationId),
        keys.pending(conversationId),
        keys.held(conversationId),
        keys.log(conversationId),
        ...claims,
      ],
      [
        seed.run,
        randomBytes(9).toString("base64url"),
        seed.lastId,
        seed.lastId === "" ? 0 : timeOf(seed.lastId),
        LOG_LIFE_MS,
        IDEMPOTENCY_WINDOW_MS,
        ...values,
      ],
    );
    const [epoch, offset] = texts(reply);
    if (Array.isArray(reply) && reply.length === 0) return undefined;
    if (epoch === undefined || offset === undefined) throw unexpected("open", reply);
    return { epoch, offset: Number(offset) };
  }

  async commit(claim: Claim, messageId: string, body: string): Promise<"published" | "held" | "abandoned"> {
    const { conversationId: id } = claim;
    const outcome = await this.#redis.script(
      "commit",
      [keys.state(id), keys.pending(id), keys.held(id), keys.log(id), keys.claim(id, claim.senderId, claim.clientId)],
      [
        messageId,
        body,
        keys.conversation(id),
        this.#logLength,
        LOG_LIFE_MS,
        claim.digest,
        timeOf(messageId),
        IDEMPOTENCY_WINDOW_MS,
      ],
    );
    if (outcome === "published" || outcome === "held" || outcome === "abandoned") return outcome;
    throw unexpected("commit", outcome);
  }

  async abandon(conversationId: string, messageId: string): Promise<void> {
    await this.#redis.script(
      "abandon",
      [keys.state(conversationId), keys.pending(conversationId), keys.held(conversationId), keys.log(conversationId)],
      [messageId, keys.conversation(conversationId), this.#logLength, LOG_LIFE_MS],
    );
  }

  async stale(conversationId: string, ageMs: number): Promise<{ messageIds: string[]; pending: boolean }> {
    const reply = await this.#redis.script("stale", [keys.pending(conversationId), keys.held(conversationId)], [ageMs]);
    const [left, ...messageIds] = texts(reply);
    return { messageIds, pending: Number(left) > 0 };
  }

  async read(conversationId: string, after: Position | undefined, limit: number): Promise<LogRead | undefined> {
    const reply = await this.#redis.script(
      "read",
      [keys.state(conversationId), keys.log(conversationId), keys.pending(conversationId)],
      [after?.epoch ?? "", after?.offset ?? 0, limit],
    );
    if (!Array.isArray(reply)) throw unexpected("read", reply);
    if (reply.length === 0) return undefined;
    const [epoch, offset, recovered, pending, entries, last] = reply as [
      string,
      string,
      number,
      number,
      string[],
      string | null,
    ];
    return {
      recovered: recovered === 1,
      position: { epoch, offset: Number(offset) },
      pending: pending > 0,
      events: eventsOf(epoch, entries),
      ...(last === null ? {} : { last }),
    };
  }

  subscribeConversation(conversationId: string): Promise<void> {
    return this.#channels.add(keys.conversation(conversationId));
  }

  unsubscribeConversation(conversationId: string): void {
    this.#channels.remove(keys.conversation(conversationId));
  }

  async invalidate(conversationId: string): Promise<void> {
    await this.#redis.publish([keys.conversation(conversationId)], INVALIDATED);
  }

  subscribeUser(userId: string): Promise<void> {
    return this.#channels.add(keys.user(userId));
  }

  unsubscribeUser(userId: string): void {
    this.#channels.remove(keys.user(userId));
  }

  subscribeTopic(topic: string): Promise<void> {
    return this.#channels.add(keys.topic(topic));
  }

  unsubscribeTopic(topic: string): void {
    this.#channels.remove(keys.topic(topic));
  }

  async publishTopic(topic: string, payload: string): Promise<void> {
    await this.#redis.publish([keys.topic(topic)], payload);
  }

  barrier(): Promise<void> {
    return this.#redis.barrier();
  }

  async publishToUsers(userIds: readonly string[], payload: string): Promise<void> {
    await this.#redis.publish(userIds.map(keys.user), payload);
  }

  #onMessage(channel: string, message: string): void {
    const id = idOf(channel);
    if (channel.startsWith("user:")) this.#listener?.onUserEvent(id, message);
    else if (channel.startsWith("topic:")) this.#listener?.onTopic(id, message);
    else if (message === "h") this.#listener?.onHeld(id);
    else if (message === INVALIDATED) this.#listener?.onInvalidated(id);
    else this.#onLogEvent(id, channel, message);
  }

  #onLogEvent(id: string, channel: string, message: string): void {
    const event = eventOf(message);
    if (event) this.#listener?.onEvent(id, event);
    else this.#logger.error({ channel }, "what was published is not an event");
  }

  #onRenewed(channels: string[]): void {
    const ids = (kind: string) => channels.filter((channel) => channel.startsWith(kind)).map(idOf);
    this.#listener?.onResubscribed({ conversationIds: ids("conversation:"), userIds: ids("user:") });
  }
}

const idOf = (channel: string) => channel.slice(channel.indexOf("{") + 1, channel.indexOf("}"));

/** `m <epoch> <offset> <message id> <body>` */
function eventOf(message: string): LogEvent | undefined {
  const epochEnd = message.indexOf(" ", 2);
  const offsetEnd = message.indexOf(" ", epochEnd + 1);
  const idEnd = message.indexOf(" ", offsetEnd + 1);
  if (!message.startsWith("m ") || idEnd < 0) return undefined;
  return {
    position: { epoch: message.slice(2, epochEnd), offset: Number(message.slice(epochEnd + 1, offsetEnd)) },
    messageId: message.slice(offsetEnd + 1, idEnd),
    body: message.slice(idEnd + 1),
  };
}

function eventsOf(epoch: string, entries: string[]): LogEvent[] {
  const events: LogEvent[] = [];
  for (let index = 0; index + 2 < entries.length; index += 3) {
    const [messageId = "", body = "", offset = ""] = entries.slice(index, index + 3);
    events.push({ messageId, body, position: { epoch, offset: Number(offset) } });
  }
  return events;
}

function texts(reply: unknown): string[] {
  if (!Array.isArray(reply)) return [];
  return reply.map(String);
}

function unexpected(script: string, reply: unknown): CodedError {
  return new CodedError("internal", `script ${script} returned ${JSON.stringify(reply)}`);
}
