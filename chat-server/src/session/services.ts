import type { Logger } from "@chatcluster/foundation/logger";
import type { Limits } from "@chatcluster/protocol";
import type { Broker } from "../broker/broker.ts";
import type { ConversationLog } from "../conversation/conversation-log.ts";
import type { Conversations } from "../conversation/conversations.ts";
import type { Groups } from "../conversation/groups.ts";
import type { MessageChanges } from "../conversation/message-changes.ts";
import type { MessageSender } from "../conversation/message-sender.ts";
import type { Receipts } from "../conversation/receipts.ts";
import type { FeedHub } from "../delivery/feed-hub.ts";
import type { PresenceWatch } from "../delivery/presence-watch.ts";
import type { Topics } from "../delivery/topics.ts";
import type { Typing } from "../delivery/typing.ts";
import type { UserDirectory } from "../directory/user-directory.ts";
import type { Stores } from "../store/stores.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { Semaphore } from "./semaphore.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** What sessions work with; one set for a server. */
export interface SessionServices {
  serverId: string;
  pingIntervalMs: number;
  pongTimeoutMs: number;
  limits: Limits;
  broker: Broker;
  stores: Stores;
  directory: UserDirectory;
  log: ConversationLog;
  conversations: Conversations;
  sender: MessageSender;
  groups: Groups;
  topics: Topics;
  typing: Typing;
  presence: PresenceWatch;
  messageChanges: MessageChanges;
  receipts: Receipts;
  hub: FeedHub;
  registry: SessionRegistry;
  /** For messages and what counts as one. */
  rateLimiter: RateLimiter;
  /** Logins under way. */
  logins: Semaphore;
  /** For requests of all kinds. */
  frameLimiter: RateLimiter;
  logger: Logger;
  /** Has a push about a message sent to users' devices. @throws CodedError `unavailable` */
  notify: (userIds: readonly string[], body: string) => Promise<void>;
  onSent: (seconds: number) => void;
  onDelivered: () => void;
}
