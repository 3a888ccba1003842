import { createHash } from "node:crypto";

/**
 * Users of Redis and the sentinels. In mode `sentinel` the default user is off; without sentinels it is the chat servers'.
 * https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
 */

/** The chat servers. */
export const CHAT_USER = "chat";
/** Redis servers and sentinels among themselves, and the operator that looks who is the master. */
export const NODE_USER = "node";
/** The operator, when it changes passwords. */
export const OPERATOR_USER = "operator";
/**
 * The probes. It has no password and may next to nothing: a probe's command keeps what its container was started with, and would have to be restarted with
 * each new password (docs/decisions/0123).
 */
export const PROBE_USER = "probe";

/** What the chat servers do with Redis: their own keys and channels, by the types of data, and nothing that concerns the server or others' keys. */
const CHAT_RULES = [
  ...["conversation:*", "user:*", "server:*", "push:*", "dashboard:*"].map((keys) => `~${keys}`),
  ...["conversation:*", "user:*", "topic:*"].map((channels) => `&${channels}`),
  // Categories, where a newer Redis may have commands that an older one does not know, and would not start with.
  "-@all +@string +@hash +@list +@sortedset +@stream +@connection +publish +subscribe +unsubscribe",
  "+del +unlink +exists +expire +pexpire +ttl +pttl +eval +evalsha +time -@dangerous -@admin +info",
];

/** What replication, the sentinels, the handover and the operator need. */
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

/** Who changes passwords may give himself any right, so nobody but the operator has it. */
const OPERATOR_RULES = ["-@all +ping +acl|setuser +config|set"];
const OPERATOR_RULES_AT_SENTINEL = ["~* &* +@all"];

const PROBE_RULES = ["-@all +ping +info|replication"];
const PROBE_RULES_AT_SENTINEL = ["-@all +ping"];

/** A password of each user. */
export interface RedisPasswords {
  readonly chat: string;
  readonly node: string;
  readonly operator: string;
}

/** Passwords of which each is accepted: first those in use, then, while they are being replaced, others. */
export type Accepted<Passwords> = readonly [Passwords, ...Passwords[]];

/** What a Redis server or a sentinel is to accept. */
export type RedisAccess =
  | { readonly mode: "standalone"; readonly accepted: Accepted<string> }
  | { readonly mode: "sentinel"; readonly accepted: Accepted<RedisPasswords> };

/** The lines with the users that redis.conf includes from the Secret. */
export function redisUsers(accepted: Accepted<RedisPasswords>): string {
  return lines([
    "user default off",
    user(CHAT_USER, passwordsOf(accepted, "chat"), CHAT_RULES),
    user(NODE_USER, passwordsOf(accepted, "node"), NODE_RULES),
    user(OPERATOR_USER, passwordsOf(accepted, "operator"), OPERATOR_RULES),
    probe(PROBE_RULES),
    `masteruser ${NODE_USER}`,
    `masterauth ${accepted[0].node}`,
  ]);
}

/** The same for sentinel.conf. */
export function sentinelUsers(accepted: Accepted<RedisPasswords>, master: string): string {
  const { node } = accepted[0];
  return lines([
    "user default off",
    user(CHAT_USER, passwordsOf(accepted, "chat"), CHAT_RULES_AT_SENTINEL),
    user(NODE_USER, passwordsOf(accepted, "node"), NODE_RULES_AT_SENTINEL),
    user(OPERATOR_USER, passwordsOf(accepted, "operator"), OPERATOR_RULES_AT_SENTINEL),
    probe(PROBE_RULES_AT_SENTINEL),
    `sentinel auth-user ${master} ${NODE_USER}`,
    `sentinel auth-pass ${master} ${node}`,
    `sentinel sentinel-user ${NODE_USER}`,
    `sentinel sentinel-pass ${node}`,
  ]);
}

/** The lines with the users of a Redis without sentinels: the default user is all that its clients know. */
export function standaloneUsers(accepted: Accepted<string>): string {
  return lines([`user default on ${digests(accepted)} ~* &* +@all`, probe(PROBE_RULES)]);
}

/** The passwords of one user. */
export function passwordsOf(accepted: Accepted<RedisPasswords>, name: keyof RedisPasswords): string[] {
  return accepted.map((passwords) => passwords[name]);
}

/** Passwords as the rules of a user have them: the digests of those that let it in. */
export function digests(passwords: readonly string[]): string {
  return passwords.map((password) => `#${createHash("sha256").update(password).digest("hex")}`).join(" ");
}

function user(name: string, passwords: readonly string[], rules: readonly string[]): string {
  return `user ${name} on ${digests(passwords)} resetkeys resetchannels ${rules.join(" ")}`;
}

function probe(rules: readonly string[]): string {
  return `user ${PROBE_USER} on nopass resetkeys resetchannels ${rules.join(" ")}`;
}

function lines(list: readonly string[]): string {
  return `${list.join("\n")}\n`;
}
