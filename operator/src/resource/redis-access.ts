import { createHash } from "node:crypto";

/** Users of Redis and of the sentinels in mode `sentinel`; the default user is off. https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/ */

/** The chat servers. */
export const CHAT_USER = "chat";
/** Redis servers and sentinels among themselves, their probes, and the operator. */
export const NODE_USER = "node";

/** What the chat servers do with Redis: their own keys and channels, by the types of data, and nothing that concerns the server or others' keys. */
const CHAT_RULES = [
  ...["conversation:*", "user:*", "server:*", "push:*", "dashboard:*"].map((keys) => `~${keys}`),
  ...["conversation:*", "user:*", "topic:*"].map((channels) => `&${channels}`),
  // Categories, where a newer Redis may have commands that an older one does not know, and would not start with.
  "-@all +@string +@hash +@list +@sortedset +@stream +@connection +publish +subscribe +unsubscribe",
  "+del +unlink +exists +expire +pexpire +ttl +pttl +eval +evalsha +time -@dangerous -@admin +info",
];

/** What replication, the sentinels, the probes, the handover and the operator need. */
const NODE_RULES = [
  "&__sentinel__:hello -@all +ping +info +role +psync +replconf +multi +exec +slaveof +replicaof +config|rewrite",
  "+client|setname +client|kill +client|pause +client|unpause +script|kill +publish +subscribe",
];

/** What the chat servers ask of a sentinel: where the master is, who the other sentinels are, and to be told of a change. */
const CHAT_RULES_AT_SENTINEL = [
  "&+switch-master -@all +@connection -@dangerous -@admin +info +subscribe +unsubscribe",
  "+sentinel|get-master-addr-by-name +sentinel|sentinels +sentinel|replicas +sentinel|slaves",
];

const NODE_RULES_AT_SENTINEL = ["~* &* +@all"];

/** The passwords of both users. */
export interface RedisPasswords {
  readonly chat: string;
  readonly node: string;
}

/** The lines with the users that redis.conf includes from the Secret. */
export function redisUsers({ chat, node }: RedisPasswords): string {
  return lines([
    "user default off",
    user(CHAT_USER, chat, CHAT_RULES),
    user(NODE_USER, node, NODE_RULES),
    `masteruser ${NODE_USER}`,
    `masterauth ${node}`,
  ]);
}

/** The same for sentinel.conf. */
export function sentinelUsers({ chat, node }: RedisPasswords, master: string): string {
  return lines([
    "user default off",
    user(CHAT_USER, chat, CHAT_RULES_AT_SENTINEL),
    user(NODE_USER, node, NODE_RULES_AT_SENTINEL),
    `sentinel auth-user ${master} ${NODE_USER}`,
    `sentinel auth-pass ${master} ${node}`,
    `sentinel sentinel-user ${NODE_USER}`,
    `sentinel sentinel-pass ${node}`,
  ]);
}

function user(name: string, password: string, rules: readonly string[]): string {
  const digest = createHash("sha256").update(password).digest("hex");
  return `user ${name} on #${digest} resetkeys resetchannels ${rules.join(" ")}`;
}

function lines(list: readonly string[]): string {
  return `${list.join("\n")}\n`;
}
