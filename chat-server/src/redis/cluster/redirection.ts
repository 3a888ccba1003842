/** What a cluster's node says about a key that it does not serve (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). */
export type Redirection =
  /** The slot is another node's. `host` is empty for "the same as yours". */
  | { kind: "moved"; slot: number; host: string; port: number }
  /** The key is on its way, and this once to be asked for there. */
  | { kind: "ask"; host: string; port: number }
  /** Some keys of the command are there and some are on their way. */
  | { kind: "try_again" };

/** Undefined if the error is none of these. */
export function redirectionOf(error: unknown): Redirection | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.message.startsWith("TRYAGAIN")) return { kind: "try_again" };
  const [, kind, slot, host = "", port] = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(error.message) ?? [];
  if (kind === "MOVED") return { kind: "moved", slot: Number(slot), host, port: Number(port) };
  if (kind === "ASK") return { kind: "ask", host, port: Number(port) };
  return undefined;
}
