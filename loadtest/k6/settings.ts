/** What a run does; each from an environment variable (`k6 run -e NAME=value`), defaults in brackets. */
export interface Settings {
  /** CHAT_URL [ws://127.0.0.1:8080/chat]. */
  readonly url: string;
  /** CHAT_JWT_SECRET: the HS256 secret of the chat servers, at least 32 bytes. Required. */
  readonly secret: string;
  /** CHAT_JWT_ISSUER and CHAT_JWT_AUDIENCE, where the servers want them. */
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** ROOMS [10]. */
  readonly rooms: number;
  /** USERS_PER_ROOM [10]. */
  readonly usersPerRoom: number;
  /** MESSAGES_PER_SECOND of each user [1]; fractions are fine. */
  readonly messagesPerSecond: number;
  /** DURATION of the sending, in seconds, as `30s` or `2m` [30s]. */
  readonly durationSeconds: number;
  /** MESSAGE_LENGTH in characters [100]. */
  readonly messageLength: number;
  /** VUS, each with one or more whole rooms [as many as rooms, at most 10]. */
  readonly vus: number;
  /** SETTLE_SECONDS: how long the end waits for what is under way before it counts as lost [15]. */
  readonly settleSeconds: number;
  /** LATENCY_P99_MS: the threshold [50]. */
  readonly latencyP99Ms: number;
  /** SUMMARY_FILE: where the results go as JSON [nowhere]. */
  readonly summaryFile: string | undefined;
  /** TIMELINE=1: print one line a VU with its latencies by second, for the report [0]. */
  readonly timeline: boolean;
  /** FAULT_DROP=1 and FAULT_DOUBLE=1 make the receiving side lose, or see twice, one message a room: the check must notice [0]. */
  readonly faultDrop: boolean;
  readonly faultDouble: boolean;
}

type Environment = { readonly [name: string]: string | undefined };

/** @throws Error that names every variable that is missing or wrong. */
export function readSettings(env: Environment): Settings {
  const problems: string[] = [];
  const text = (name: string) => (env[name] === "" ? undefined : env[name]);
  const number = (name: string, fallback: number, min: number, max: number, whole = true) => {
    const given = text(name);
    const value = given === undefined ? fallback : Number(given);
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      problems.push(`${name} must be ${whole ? "a whole number" : "a number"} from ${min} to ${max}`);
    return value;
  };
  const flag = (name: string) => {
    const given = text(name) ?? "0";
    if (given !== "0" && given !== "1") problems.push(`${name} must be 0 or 1`);
    return given === "1";
  };
  const secret = text("CHAT_JWT_SECRET") ?? "";
  if (secret.length < 32) problems.push("CHAT_JWT_SECRET is required: at least 32 bytes, as the chat servers have it");
  const url = text("CHAT_URL") ?? "ws://127.0.0.1:8080/chat";
  if (!/^wss?:\/\/[^/\s?#]+(\/[^\s?#]*)?$/.test(url)) problems.push("CHAT_URL must be as ws://host:port/chat");
  const duration = /^(\d+)(s|m)$/.exec(text("DURATION") ?? "30s");
  const durationSeconds = duration ? Number(duration[1]) * (duration[2] === "m" ? 60 : 1) : 0;
  if (durationSeconds < 1 || durationSeconds > 86_400) problems.push("DURATION must be as 30s or 2m, at most a day");
  const rooms = number("ROOMS", 10, 1, 5_000);
  const settings: Settings = {
    url,
    secret,
    issuer: text("CHAT_JWT_ISSUER"),
    audience: text("CHAT_JWT_AUDIENCE"),
    rooms,
    usersPerRoom: number("USERS_PER_ROOM", 10, 2, 1_024),
    messagesPerSecond: number("MESSAGES_PER_SECOND", 1, 0.001, 100, false),
    durationSeconds,
    messageLength: number("MESSAGE_LENGTH", 100, 40, 16_384),
    vus: number("VUS", Math.min(rooms, 10), 1, 1_000),
    settleSeconds: number("SETTLE_SECONDS", 15, 1, 600),
    latencyP99Ms: number("LATENCY_P99_MS", 50, 1, 600_000, false),
    summaryFile: text("SUMMARY_FILE"),
    timeline: flag("TIMELINE"),
    faultDrop: flag("FAULT_DROP"),
    faultDouble: flag("FAULT_DOUBLE"),
  };
  if (settings.vus > rooms) problems.push("VUS must not be more than ROOMS");
  if (problems.length > 0) throw new Error(`invalid settings:\n  ${problems.join("\n  ")}`);
  return settings;
}
