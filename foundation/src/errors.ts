/**
 * The one error type of the server side: a stable code for programs, a sentence for people.
 *
 * `code` is lower-case words joined by underscores (`redis_unavailable`), unique in meaning across the project, and safe to show to a
 * user; `message` names the thing that failed and never holds a secret. What led to it goes into `cause`.
 */
export class CodedError extends Error {
  override readonly name = "CodedError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The message of anything that was thrown, for a log line or a condition. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
