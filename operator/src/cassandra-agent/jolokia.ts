import { request } from "node:http";
import { json } from "node:stream/consumers";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { Type } from "typebox";
import { Value } from "typebox/value";

/** A reply of Jolokia. https://jolokia.org/reference/html/manual/jolokia_protocol.html */
const Reply = Type.Object({
  status: Type.Integer(),
  value: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.String()),
});

export interface ReadRequest {
  readonly mbean: string;
  readonly attributes: readonly string[];
}

/** The MBeans of Cassandra's JVM, over Jolokia's protocol. */
export class Jolokia {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /**
   * Attributes of several MBeans in one request, by the attribute's name.
   * @throws CodedError `cassandra_jvm_unreachable` (it starts, or hangs), `cassandra_refused`
   */
  async read(requests: readonly ReadRequest[], signal: AbortSignal): Promise<Record<string, unknown>[]> {
    const body = requests.map(({ mbean, attributes }) => ({ type: "read", mbean, attribute: attributes }));
    const replies = await this.#post(body, signal);
    if (!Array.isArray(replies)) throw new CodedError("cassandra_refused", "Jolokia answered with something else");
    return replies.map((reply) => resultOf(reply) as Record<string, unknown>);
  }

  /** Calls an operation and waits for its end, which may take as long as the operation. @throws as `read` */
  async execute(
    mbean: string,
    operation: string,
    parameters: readonly unknown[],
    signal: AbortSignal,
  ): Promise<unknown> {
    return resultOf(await this.#post({ type: "exec", mbean, operation, arguments: parameters }, signal));
  }

  /** Not by fetch: it gives up after five minutes without an answer, and an operation may take hours. */
  #exchange(body: string, signal: AbortSignal): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = { "content-type": "application/json" };
    request(this.#url, { method: "POST", headers, signal }, (response) => json(response).then(resolve, reject))
      .once("error", reject)
      .end(body);
    return promise;
  }

  async #post(body: unknown, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#exchange(JSON.stringify(body), signal);
    } catch (cause) {
      throw new CodedError("cassandra_jvm_unreachable", `Cassandra's JVM does not answer: ${messageOf(cause)}`, {
        cause,
      });
    }
  }
}

function resultOf(reply: unknown): unknown {
  if (!Value.Check(Reply, reply)) throw new CodedError("cassandra_refused", "Jolokia answered with something else");
  if (reply.status === 200) return reply.value;
  throw new CodedError("cassandra_refused", reply.error ?? `Jolokia answered with status ${reply.status}`);
}
