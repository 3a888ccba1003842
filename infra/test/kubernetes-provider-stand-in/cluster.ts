import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type RequestOptions, request } from "node:https";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";
import { idOf, type KubernetesObject } from "./object.ts";

const FIELD_MANAGER = "pulumi-kubernetes-stand-in";

/** What an API server answered with, other than success. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Kind {
  readonly path: string;
  readonly namespaced: boolean;
}

/** The API server that a kubeconfig names; raw JSON, so that no field is lost on the way. */
export class Cluster {
  readonly #config = new KubeConfig();

  constructor(kubeconfig: string, context: string | undefined) {
    this.#config.loadFromString(kubeconfig);
    if (context !== undefined) this.#config.setCurrentContext(context);
  }

  /** The kind's path, or undefined if the API server does not serve it. */
  async kind(apiVersion: string, kind: string): Promise<Kind | undefined> {
    const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const list = await this.#json<{ resources: { name: string; kind: string; namespaced: boolean }[] }>(
      "GET",
      base,
    ).catch(unlessMissing);
    const found = list?.resources.find((each) => each.kind === kind && !each.name.includes("/"));
    return (
      found && {
        path: `${base}/%/${found.name}`.replace("/%", found.namespaced ? "/namespaces/%" : ""),
        namespaced: found.namespaced,
      }
    );
  }

  /** Server-side apply, without force: a field that another manager owns with another value is a conflict. */
  async apply(object: KubernetesObject, dryRun: boolean): Promise<KubernetesObject> {
    const path = await this.#path(object);
    const query = `?fieldManager=${FIELD_MANAGER}&fieldValidation=Strict${dryRun ? "&dryRun=All" : ""}`;
    return this.#json("PATCH", path + query, object, "application/apply-patch+yaml");
  }

  async read(object: KubernetesObject): Promise<KubernetesObject | undefined> {
    return this.#json<KubernetesObject>("GET", await this.#path(object)).catch(unlessMissing);
  }

  /** Deletes what the object owns first, and waits until it is gone. */
  async delete(object: KubernetesObject, timeoutSeconds: number): Promise<void> {
    const options = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Foreground" };
    const kind = await this.kind(object.apiVersion, object.kind);
    if (!kind) return;
    const gone = await this.#json("DELETE", await this.#path(object), options).catch(unlessMissing);
    if (gone) await this.until(object, (live) => live === undefined, timeoutSeconds, "is not gone");
  }

  /** Watches an object until `holds` of it. @throws ApiError naming the object and `otherwise` after `timeoutSeconds` */
  async until(
    object: KubernetesObject,
    holds: (live: KubernetesObject | undefined) => boolean,
    timeoutSeconds: number,
    otherwise: string,
  ): Promise<KubernetesObject | undefined> {
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    try {
      for (;;) for await (const live of this.#states(object, signal)) if (holds(live)) return live;
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new ApiError(504, `${object.kind} ${idOf(object)} ${otherwise} after ${timeoutSeconds} s`);
    }
  }

  /** The object as it is now, and after each change (undefined once it is gone), until the API server ends the watch. */
  async *#states(object: KubernetesObject, signal: AbortSignal): AsyncGenerator<KubernetesObject | undefined> {
    const collection = (await this.#path(object)).replace(/\/[^/]+$/, "");
    const selected = `${collection}?fieldSelector=metadata.name%3D${object.metadata.name}`;
    const list = await this.#json<{ items: KubernetesObject[]; metadata: { resourceVersion: string } }>(
      "GET",
      selected,
    );
    const [now] = list.items;
    // The items of a list leave these out.
    yield now && { ...now, apiVersion: object.apiVersion, kind: object.kind };
    const watch = `${selected}&watch=true&resourceVersion=${list.metadata.resourceVersion}`;
    const response = await this.#send("GET", watch, undefined, undefined, signal);
    try {
      for await (const line of createInterface({ input: response, signal })) {
        const event = JSON.parse(line) as { type: string; object: KubernetesObject };
        if (event.type === "ERROR") return;
        yield event.type === "DELETED" ? undefined : event.object;
      }
    } finally {
      response.destroy();
    }
  }

  /** Version of the API server, such as v1.36.3. */
  async version(): Promise<string> {
    return (await this.#json<{ gitVersion: string }>("GET", "/version")).gitVersion;
  }

  async #path(object: KubernetesObject): Promise<string> {
    const kind = await this.kind(object.apiVersion, object.kind);
    if (!kind) throw new ApiError(404, `the API server has no ${object.kind} of ${object.apiVersion}`);
    const { name, namespace } = object.metadata;
    return `${kind.path.replace("%", encodeURIComponent(namespace ?? "default"))}/${encodeURIComponent(name)}`;
  }

  async #json<Answer>(method: string, path: string, body?: unknown, type = "application/json"): Promise<Answer> {
    const response = await this.#send(method, path, body, type, AbortSignal.timeout(30_000));
    return JSON.parse(await text(response)) as Answer;
  }

  async #send(
    method: string,
    path: string,
    body: unknown,
    type: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const cluster = this.#config.getCurrentCluster();
    if (!cluster) throw new ApiError(0, "the kubeconfig has no current cluster");
    const options: RequestOptions = { method, signal, headers: { "content-type": type ?? "application/json" } };
    await this.#config.applyToHTTPSOptions(options as Parameters<KubeConfig["applyToHTTPSOptions"]>[0]);
    const outgoing = request(cluster.server + path, options);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(outgoing, "response", { signal })) as [IncomingMessage];
    if ((response.statusCode ?? 500) < 300) return response;
    const answer = await text(response);
    throw new ApiError(response.statusCode ?? 500, messageOf(answer, `${method} ${path}`));
  }
}

function messageOf(answer: string, what: string): string {
  try {
    return (JSON.parse(answer) as { message?: string }).message ?? `${what}: ${answer}`;
  } catch {
    return `${what}: ${answer}`;
  }
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof ApiError && error.status === 404) return undefined;
  throw error;
}
