import { CodedError } from "@chatcluster/foundation/errors";
import { MAX_OPEN_CONVERSATIONS } from "@chatcluster/protocol";
import { OutboundFrame } from "../session/outbound-frame.ts";
import type { TopicSubscriber, Topics } from "./topics.ts";

const PREFIX = "typing:";

/** Who types, told to the connections that have the conversation open. Membership is the caller's to check. */
export class Typing {
  readonly #topics: Topics;

  constructor(topics: Topics) {
    this.#topics = topics;
  }

  /** @throws CodedError `invalid_frame` beyond the limit, `unavailable` */
  async open(conversationId: string, subscriber: TopicSubscriber): Promise<void> {
    const topic = PREFIX + conversationId;
    if (!this.#topics.has(subscriber, topic) && this.#topics.count(subscriber, PREFIX) >= MAX_OPEN_CONVERSATIONS)
      throw new CodedError("invalid_frame", `conversationId: more than ${MAX_OPEN_CONVERSATIONS} are open`);
    await this.#topics.join(topic, subscriber);
  }

  close(conversationId: string, subscriber: TopicSubscriber): void {
    this.#topics.leave(PREFIX + conversationId, subscriber);
  }

  async tell(conversationId: string, userId: string, active: boolean): Promise<void> {
    await this.#topics.publish(PREFIX + conversationId, { type: "typing", conversationId, userId, active });
  }

  /** Takes what was published; false if it is not about typing. */
  take(topic: string, payload: string): boolean {
    if (!topic.startsWith(PREFIX)) return false;
    const { userId } = JSON.parse(payload) as { userId: string };
    this.#topics.deliver(topic, new OutboundFrame(payload), userId);
    return true;
  }
}
