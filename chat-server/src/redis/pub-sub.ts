/** The commands and the event of one kind of publish and subscribe. */
export interface PubSub {
  readonly publish: "publish" | "spublish";
  readonly subscribe: "subscribe" | "ssubscribe";
  readonly unsubscribe: "unsubscribe" | "sunsubscribe";
  readonly message: "message" | "smessage";
}

/** One node has all channels. */
export const PLAIN: PubSub = {
  publish: "publish",
  subscribe: "subscribe",
  unsubscribe: "unsubscribe",
  message: "message",
};

/** A channel lies where keys of its slot lie (https://redis.io/docs/latest/develop/pubsub/#sharded-pubsub); PUBLISH would go to every node. */
export const SHARDED: PubSub = {
  publish: "spublish",
  subscribe: "ssubscribe",
  unsubscribe: "sunsubscribe",
  message: "smessage",
};
