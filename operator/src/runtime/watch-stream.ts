import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { ApiError, type ApiStatus } from "./api-error.ts";
import { isKubernetesObject, type KubernetesObject } from "./object.ts";

/** One change. A bookmark carries only a resourceVersion. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubernetesObject;
}

/** The longest line that is taken; an object in etcd is at most 1.5 MiB unless the limit was raised. */
const MAX_LINE_CHARACTERS = 32 * 1024 * 1024;

/**
 * Reads a watch's JSON lines until the server ends it.
 * @throws ApiError with the server's status if an `ERROR` event arrives (`kubernetes_gone` for an expired resourceVersion), or
 * `kubernetes_bad_reply` for a line that is no event.
 */
export async function* readWatchEvents(stream: Readable, subject: string): AsyncGenerator<WatchEvent> {
  const decoder = new StringDecoder("utf8");
  // Parts are joined only when the line ends: appending to one string for each chunk would be quadratic for long lines.
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const lines = decoder.write(chunk).split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) {
      const text = parts.join("") + line;
      parts = [];
      length = 0;
      if (text !== "") yield parseEvent(text, subject);
    }
    parts.push(rest);
    length += rest.length;
    if (length > MAX_LINE_CHARACTERS)
      throw badReply(subject, `a line is longer than ${MAX_LINE_CHARACTERS} characters`);
  }
}

function parseEvent(line: string, subject: string): WatchEvent {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (error) {
    throw badReply(subject, `a line is not JSON (${line.length} characters)`, error);
  }
  const { type, object } = (event ?? {}) as { type?: unknown; object?: unknown };
  if (type === "ERROR") {
    const status = (object ?? {}) as ApiStatus & { code?: number };
    throw new ApiError(subject, status.code ?? 500, status);
  }
  if (type === "BOOKMARK") return { type, object: asBookmark(object, subject) };
  if ((type === "ADDED" || type === "MODIFIED" || type === "DELETED") && isKubernetesObject(object))
    return { type, object };
  throw badReply(subject, `not an event of a watch: type ${JSON.stringify(type)}`);
}

function asBookmark(object: unknown, subject: string): KubernetesObject {
  const bookmark = object as KubernetesObject | undefined;
  if (typeof bookmark?.metadata?.resourceVersion === "string") return bookmark;
  throw badReply(subject, "a bookmark without a resourceVersion");
}

function badReply(subject: string, message: string, cause?: unknown): ApiError {
  return new ApiError(subject, 0, { message }, { code: "kubernetes_bad_reply", cause });
}
