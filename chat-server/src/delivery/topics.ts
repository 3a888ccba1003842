import type { Broker } from "../broker/broker.ts";
import type { OutboundFrame } from "../session/outbound-frame.ts";

/** What a topic's frames go to. */
export interface TopicSubscriber {
  readonly userId: string;
  sendEncoded(frame: OutboundFrame): void;
}

/**
 * Frames that are worth nothing later, to those who asked for them: published once, to servers with a subscriber. Nobody who has not asked
 * costs anything.
 */
export class Topics {
  readonly #broker: Broker;
  readonly #subscribers = new Map<string, Set<TopicSubscriber>>();
  readonly #topics = new Map<TopicSubscriber, Set<string>>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Topics with a subscriber here. */
  names(): Iterable<string> {
    return this.#subscribers.keys();
  }

  /** How many topics of a subscriber begin with a prefix. */
  count(subscriber: TopicSubscriber, prefix: string): number {
    let count = 0;
    for (const topic of this.#topics.get(subscriber) ?? []) if (topic.startsWith(prefix)) count++;
    return count;
  }

  has(subscriber: TopicSubscriber, topic: string): boolean {
    return this.#topics.get(subscriber)?.has(topic) === true;
  }

  /** Resolves when what is published from now on arrives; rejects with CodedError `unavailable`, and the subscriber has then not joined. */
  async join(topic: string, subscriber: TopicSubscriber): Promise<void> {
    if (this.has(subscriber, topic)) return;
    const topics = this.#topics.get(subscriber) ?? new Set();
    this.#topics.set(subscriber, topics.add(topic));
    const subscribers = this.#subscribers.get(topic) ?? new Set();
    this.#subscribers.set(topic, subscribers.add(subscriber));
    try {
      await this.#broker.subscribeTopic(topic);
    } catch (error) {
      // The broker counts nothing that failed.
      this.#forget(topic, subscriber);
      throw error;
    }
  }

  leave(topic: string, subscriber: TopicSubscriber): void {
    if (this.#forget(topic, subscriber)) this.#broker.unsubscribeTopic(topic);
  }

  leaveAll(subscriber: TopicSubscriber): void {
    for (const topic of this.#topics.get(subscriber) ?? []) this.leave(topic, subscriber);
  }

  publish(topic: string, frame: object): Promise<void> {
    return this.#broker.publishTopic(topic, JSON.stringify(frame));
  }

  /** Hands on what was published, but not to the user whom `exceptFor` names. */
  deliver(topic: string, frame: OutboundFrame, exceptFor?: string): void {
    for (const subscriber of this.#subscribers.get(topic) ?? [])
      if (subscriber.userId !== exceptFor) subscriber.sendEncoded(frame);
  }

  #forget(topic: string, subscriber: TopicSubscriber): boolean {
    const topics = this.#topics.get(subscriber);
    if (!topics?.delete(topic)) return false;
    if (topics.size === 0) this.#topics.delete(subscriber);
    const subscribers = this.#subscribers.get(topic);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) this.#subscribers.delete(topic);
    return true;
  }
}
