import { clearInterval, clearTimeout, setInterval, setTimeout } from "k6/timers";
import type { Message } from "../../protocol/src/index.ts";
import { ChatSocket, type Request } from "./chat-socket.ts";
import type { LatencyTimeline } from "./latency-timeline.ts";
import {
  acknowledged,
  acknowledgementLatency,
  delivered,
  deliveryLatency,
  doubled,
  lost,
  unacknowledged,
} from "./metrics.ts";
import { SequenceSet } from "./sequence-set.ts";
import type { Settings } from "./settings.ts";

const START_TIMEOUT_MS = 60_000;
const RECEIPT_INTERVAL_MS = 1_000;
const RESEND_MS = 500;
const SETTLE_CHECK_MS = 50;

interface Sending {
  readonly seq: number;
  readonly sentAt: number;
}

interface User {
  readonly socket: ChatSocket;
  /** Sends without acknowledgement yet, by their `clientId`. */
  readonly open: Map<string, Sending>;
  /** The numbers of this user's messages that were acknowledged. */
  readonly acknowledged: SequenceSet;
  /** Per sender of the room, the numbers of the messages that reached this user. */
  readonly received: SequenceSet[];
  nextSeq: number;
  lastMessageId: string;
  receiptUpTo: string;
}

/**
 * A room with all its users, so that what each one sent can be compared with what each one got. Every user sends numbered messages at the
 * given rate; at the end the room waits until every acknowledged message has arrived, and counts what has not.
 */
export class Room {
  readonly #settings: Settings;
  readonly #timeline: LatencyTimeline;
  readonly #name: string;
  readonly #users: User[] = [];
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #conversationId = "";
  #sending = false;
  #faultsLeft = 1;

  /** @param name unique among all runs: users are named after it. */
  constructor(settings: Settings, name: string, timeline: LatencyTimeline) {
    this.#settings = settings;
    this.#name = name;
    this.#timeline = timeline;
  }

  /** Connects the users and creates the conversation. @throws Error if that takes too long. */
  async open(): Promise<void> {
    const all: Promise<void>[] = [];
    for (let index = 0; index < this.#settings.usersPerRoom; index++) all.push(this.#connect(index));
    await within(Promise.all(all), START_TIMEOUT_MS, `${this.#name}: the users could not log in`);
    await within(this.#create(), START_TIMEOUT_MS, `${this.#name}: the conversation could not be created`);
  }

  /** Sends for the set time, then waits for what is under way, bounded, and counts what is missing. */
  async run(): Promise<void> {
    this.#sending = true;
    const everyMs = 1_000 / this.#settings.messagesPerSecond;
    for (const user of this.#users) {
      // Spread over the interval: users do not write in step.
      setTimeout(() => {
        this.#send(user);
        this.#timers.push(setInterval(() => this.#send(user), everyMs));
      }, Math.random() * everyMs);
    }
    this.#timers.push(setInterval(() => this.#sendReceipts(), RECEIPT_INTERVAL_MS));
    await pause(this.#settings.durationSeconds * 1_000);
    this.#sending = false;
    const deadline = Date.now() + this.#settings.settleSeconds * 1_000;
    while (!this.#settled() && Date.now() < deadline) await pause(SETTLE_CHECK_MS);
    for (const timer of this.#timers) clearInterval(timer);
    this.#count();
  }

  close(): void {
    for (const { socket } of this.#users) socket.close();
  }

  #connect(index: number): Promise<void> {
    return new Promise((resolve) => {
      const user: User = {
        socket: new ChatSocket(this.#settings, `${this.#name}-u${index}`, {
          onMessage: (message, mayRepeat) => this.#receive(user, message, mayRepeat),
          onReady: resolve,
          onUnanswered: (request) => this.#resendLater(user, request),
        }),
        open: new Map(),
        acknowledged: new SequenceSet(),
        received: Array.from({ length: this.#settings.usersPerRoom }, () => new SequenceSet()),
        nextSeq: 0,
        lastMessageId: "",
        receiptUpTo: "",
      };
      this.#users.push(user);
      user.socket.connect();
    });
  }

  #create(): Promise<void> {
    return new Promise((resolve) => {
      const [owner, ...others] = this.#users.map(({ socket }) => socket);
      const memberIds = others.map(({ userId }) => userId);
      const request = { type: "create_conversation", clientId: this.#name, kind: "group", memberIds } as const;
      owner?.request(request, (answer) => {
        if (answer.type !== "conversation") return;
        this.#conversationId = answer.conversation.id;
        resolve();
      });
    });
  }

  #send(user: User): void {
    // A user without a connection writes on, as people do: it is sent after the reconnect.
    if (!this.#sending) return;
    const seq = user.nextSeq++;
    const clientId = `${user.socket.userId}-m${seq}`;
    user.open.set(clientId, { seq, sentAt: Date.now() });
    if (user.socket.ready) this.#transmit(user, clientId);
    else this.#resendLater(user, { type: "send", conversationId: this.#conversationId, clientId, text: "" });
  }

  #transmit(user: User, clientId: string): void {
    const sending = user.open.get(clientId);
    if (!sending) return;
    const head = `${this.#users.indexOf(user)}:${sending.seq}:${sending.sentAt}:`;
    const text = head.padEnd(this.#settings.messageLength, ".");
    user.socket.request({ type: "send", conversationId: this.#conversationId, clientId, text }, () => {
      user.open.delete(clientId);
      user.acknowledged.add(sending.seq);
      acknowledged.add(1);
      acknowledgementLatency.add(Date.now() - sending.sentAt);
    });
  }

  #resendLater(user: User, request: Request): void {
    if (request.type !== "send") return;
    const { clientId } = request;
    setTimeout(() => {
      if (!user.open.has(clientId)) return;
      if (user.socket.ready) this.#transmit(user, clientId);
      else this.#resendLater(user, request);
    }, RESEND_MS);
  }

  #receive(user: User, message: Message, mayRepeat: boolean): void {
    const now = Date.now();
    if (this.#injectFault("drop")) return;
    const [sender, seq, sentAt] = message.text.split(":", 3).map(Number);
    const received = user.received[sender ?? Number.NaN];
    if (!received || seq === undefined || sentAt === undefined) return;
    const isNew = received.add(seq);
    if ((!isNew && !mayRepeat) || this.#injectFault("double")) doubled.add(1);
    if (!isNew) return;
    delivered.add(1);
    deliveryLatency.add(now - sentAt);
    if (this.#settings.timeline) this.#timeline.add(now, now - sentAt);
    if (message.id > user.lastMessageId) user.lastMessageId = message.id;
  }

  /** Loses, or sees twice, one message a room: shows that the check notices. */
  #injectFault(kind: "drop" | "double"): boolean {
    const wanted = kind === "drop" ? this.#settings.faultDrop : this.#settings.faultDouble;
    if (!wanted || this.#faultsLeft === 0) return false;
    this.#faultsLeft--;
    return true;
  }

  #sendReceipts(): void {
    for (const user of this.#users) {
      const { socket, lastMessageId } = user;
      if (!socket.ready || lastMessageId === user.receiptUpTo) continue;
      user.receiptUpTo = lastMessageId;
      const conversationId = this.#conversationId;
      socket.request({ type: "receipt", conversationId, kind: "delivered", upTo: lastMessageId }, () => undefined);
    }
  }

  #settled(): boolean {
    return this.#users.every(({ open }) => open.size === 0) && this.#missing() === 0;
  }

  #missing(): number {
    let count = 0;
    for (const [index, sender] of this.#users.entries())
      for (const { received } of this.#users) count += received[index]?.missing(sender.acknowledged) ?? 0;
    return count;
  }

  #count(): void {
    const missing = this.#missing();
    if (missing > 0) lost.add(missing);
    for (const { open } of this.#users) if (open.size > 0) unacknowledged.add(open.size);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function within<Value>(promise: Promise<Value>, ms: number, problem: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${problem} within ${ms} ms`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
