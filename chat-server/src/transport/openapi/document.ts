import { clientFrames, ErrorCode, Login, ServerFrame } from "@chatcluster/protocol";
import { type TSchema, Type } from "typebox";
import { EVENTS_PATH } from "../event-stream/event-stream-route.ts";
import { FRAMES_PATH, MAX_FRAMES, NDJSON } from "../http/frames-route.ts";
import { statusOf } from "../http/http-errors.ts";
import { DEFAULT_WAIT_SECONDS, MAX_WAIT_SECONDS, POLL_PATH } from "../polling/poll-route.ts";

export const OPENAPI_PATH = "/openapi.json";

/** Frames of the server, by their types. */
const serverFrames = ServerFrame.anyOf as readonly (TSchema & { properties: { type: { const: string } } })[];
const schemaName = (type: string) =>
  type.replace(/(^|_)([a-z])/g, (_match, _start, letter: string) => letter.toUpperCase());
const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const oneOf = (names: string[]) => ({ oneOf: names.map(reference) });

const requestNames = Object.keys(clientFrames).map((type) => `${schemaName(type)}Request`);
const serverNames = serverFrames.map(({ properties }) => `${schemaName(properties.type.const)}Frame`);

const HttpError = Type.Object({
  code: Type.Enum([...Object.values(ErrorCode), "not_found"]),
  message: Type.String({ description: "For people; may change" }),
  retryAfterMs: Type.Optional(Type.Integer({ minimum: 0 })),
});

const polled = {
  type: "object",
  required: ["cursor", "pollAfterMs", "frames"],
  properties: {
    cursor: { type: "string", description: "For the next poll: by it the server learns that this answer has arrived" },
    pollAfterMs: { type: "integer", minimum: 0, description: "When to come again, for those who do not wait" },
    frames: { type: "array", items: reference("ServerFrame") },
    closed: reference("Closed"),
  },
};

const Closed = Type.Object({
  code: Type.Integer({ description: "A close code of PROTOCOL.md: below 4400 come back" }),
  reason: Type.String(),
});

const json = (schema: object) => ({ content: { "application/json": { schema } } });
const query = (name: string, description: string, schema: object, required = false) => ({
  name,
  in: "query",
  description,
  required,
  schema,
});

/** Statuses of the codes that a route may answer with. */
function errors(...codes: ErrorCode[]): Record<string, object> {
  const byStatus = new Map<number, string[]>();
  for (const code of [...codes, ErrorCode.Unauthenticated, ErrorCode.Unavailable, ErrorCode.Internal])
    byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, named]) => [
      status,
      { description: named.join(", "), ...json(reference("HttpError")) },
    ]),
  );
}

const LOGIN_ERRORS = [ErrorCode.MalformedFrame, ErrorCode.InvalidFrame, ErrorCode.TooManyConnections] as const;
const CURSOR = query("cursor", "The cursor of the last answer", { type: "string", maxLength: 256 });
const WAIT = query("wait", "Seconds to wait for data; 0 answers at once", {
  type: "number",
  minimum: 0,
  maximum: MAX_WAIT_SECONDS,
  default: DEFAULT_WAIT_SECONDS,
});
const stream = {
  description:
    "Server-sent events: `data` is a frame of the server, `id` a cursor; the event `close` has a code and ends the stream",
  content: { "text/event-stream": { schema: { type: "string" } } },
};
const answer = {
  description: "Frames that have not been taken note of; none if the wait is over",
  headers: { ETag: { schema: { type: "string" } }, "X-Poll-After-Ms": { schema: { type: "integer" } } },
  ...json(reference("Polled")),
};

const paths = {
  [EVENTS_PATH]: {
    get: {
      operationId: "openEventStream",
      summary: "Events for an EventSource; the cursor of the last event resumes",
      parameters: [
        query("device", "The device's id", { type: "string", minLength: 1, maxLength: 128 }, true),
        query("cursor", "A cursor kept from an earlier stream; the header goes before it", { type: "string" }),
        { name: "Last-Event-ID", in: "header", schema: { type: "string" }, description: "Set by an EventSource" },
      ],
      responses: { 200: stream, ...errors(...LOGIN_ERRORS) },
    },
    post: {
      operationId: "openEventStreamWithLogin",
      summary: "Events for a client that keeps its positions, which it hands in with the login",
      requestBody: { required: true, ...json(reference("LoginRequest")) },
      responses: { 200: stream, ...errors(...LOGIN_ERRORS, ErrorCode.LoginRequired) },
    },
  },
  [POLL_PATH]: {
    post: {
      operationId: "pollWithLogin",
      summary: "Begins to poll, or goes on, on any server",
      parameters: [CURSOR, WAIT],
      requestBody: { required: true, ...json(reference("LoginRequest")) },
      responses: { 200: answer, ...errors(...LOGIN_ERRORS, ErrorCode.LoginRequired, ErrorCode.RateLimited) },
    },
    get: {
      operationId: "poll",
      summary: "Goes on where the server knows the cursor; otherwise 409, and the login has to be sent again",
      parameters: [
        { ...CURSOR, required: true },
        WAIT,
        { name: "If-None-Match", in: "header", schema: { type: "string" }, description: "The ETag of the last answer" },
      ],
      responses: {
        200: answer,
        304: { description: "Nothing new" },
        ...errors(ErrorCode.InvalidFrame, ErrorCode.LoginRequired, ErrorCode.RateLimited),
      },
    },
    delete: {
      operationId: "endPolling",
      summary: "Ends without waiting for the grace",
      parameters: [CURSOR],
      responses: { 204: { description: "Ended, or not known here" }, ...errors(ErrorCode.InvalidFrame) },
    },
  },
  [FRAMES_PATH]: {
    post: {
      operationId: "sendFrames",
      summary: `Sends one frame as JSON, or up to ${MAX_FRAMES} as a line of JSON each`,
      requestBody: {
        required: true,
        content: {
          "application/json": { schema: reference("ClientFrame") },
          [NDJSON]: { schema: { type: "string" } },
        },
      },
      responses: {
        200: {
          description: "The answer, or a line for each answer as it comes",
          content: {
            "application/json": { schema: reference("ServerFrame") },
            [NDJSON]: { schema: { type: "string" } },
          },
        },
        ...errors(...Object.values(ErrorCode)),
      },
    },
  },
};

/** The OpenAPI 3.1 document of the HTTP side. Its schemas are those by which frames are checked, so that the two can't differ. */
export function openApiDocument({ name, version }: { name: string; version: string }): object {
  const requests = Object.values(clientFrames).map((schema, index) => [requestNames[index], schema]);
  const frames = serverFrames.map((schema, index) => [serverNames[index], schema]);
  return {
    openapi: "3.1.0",
    info: {
      title: `${name} over HTTP`,
      version,
      description: "Beside the WebSocket at /chat. PROTOCOL.md has the order of things.",
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { query: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        query: {
          type: "apiKey",
          in: "query",
          name: "token",
          description: "For an EventSource, which can't set headers",
        },
      },
      schemas: {
        ...Object.fromEntries([...requests, ...frames]),
        LoginRequest: Login,
        ClientFrame: oneOf(requestNames),
        ServerFrame: oneOf(serverNames),
        HttpError,
        Closed,
        Polled: polled,
      },
    },
  };
}
