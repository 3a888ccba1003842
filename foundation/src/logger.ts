import { type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Keys whose values never reach a log, at the top level or one level down. */
const SECRET_KEYS = ["password", "token", "secret", "authorization", "jwt"];

/**
 * The one logger: JSON lines on standard output, one per event, with `name`, an ISO 8601 `time` and a textual `level`.
 * Errors go under `err`; secrets are redacted.
 */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]),
  });
}
