import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { KubeConfig } from "@kubernetes/client-node";
import { ApiError } from "./api-error.ts";
import { isKubernetesObject, type KubernetesObject, keyOf, type NamespacedName } from "./object.ts";
import { type ResourceKind, resourcePath, type Scheme } from "./scheme.ts";
import { Transport, type TransportRequest } from "./transport.ts";
import { readWatchEvents, type WatchEvent } from "./watch-stream.ts";

/** The one field manager of everything that the operator applies. */
export const FIELD_MANAGER = "chatcluster-operator";
const PAGE_SIZE = "500";
/** Time for a watch's reply head beyond the server's own; the caller's watchdog bounds the rest. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** One request that has ended; of a watch, when its reply began. */
export interface Call {
  readonly verb: string;
  readonly resource: string;
  /** HTTP status, 0 without a reply. */
  readonly status: number;
  readonly seconds: number;
}

/** Called once for each request. */
export type CallObserver = (call: Call) => void;

export interface ClientOptions {
  readonly kubeConfig: KubeConfig;
  readonly scheme: Scheme;
  readonly fieldManager?: string;
  /** The longest wait for one reply, in milliseconds. */
  readonly timeoutMs?: number;
  readonly onCall?: CallObserver;
  /** Asked before every write; throwing refuses it. The manager puts the leader's check here. */
  readonly beforeWrite?: () => void;
}

export interface ListOptions {
  /** All namespaces without it. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly signal?: AbortSignal;
}

export interface ObjectList {
  readonly items: KubernetesObject[];
  /** Where a watch starts that misses nothing after this list. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

export interface DeleteOptions {
  /** Delete only the object with this uid, resourceVersion: else `kubernetes_conflict`. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly gracePeriodSeconds?: number;
}

/**
 * The Kubernetes API in raw JSON. Reads name a kind, writes take whole objects whose kind the scheme knows.
 * Every method throws ApiError.
 */
export class Client {
  readonly scheme: Scheme;
  readonly #transport: Transport;
  readonly #fieldManager: string;
  readonly #timeoutMs: number;
  readonly #onCall: CallObserver;
  readonly #beforeWrite: () => void;

  constructor(options: ClientOptions) {
    this.scheme = options.scheme;
    this.#transport = new Transport(options.kubeConfig);
    this.#fieldManager = options.fieldManager ?? FIELD_MANAGER;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#onCall = options.onCall ?? (() => undefined);
    this.#beforeWrite = options.beforeWrite ?? (() => undefined);
  }

  /** Reads from the API server, past every cache. @throws ApiError `kubernetes_not_found` */
  get(kind: ResourceKind, name: NamespacedName): Promise<KubernetesObject> {
    return this.#object("get", kind, name, { method: "GET" });
  }

  /** Reads a whole collection, page by page. An expired page token gives `kubernetes_gone`: list again. */
  async list(kind: ResourceKind, options: ListOptions = {}): Promise<ObjectList> {
    const items: KubernetesObject[] = [];
    let token: string | undefined;
    for (;;) {
      const query = { ...selectors(options), limit: PAGE_SIZE, continue: token };
      const subject = `list ${kind.resource}${options.namespace ? ` in ${options.namespace}` : ""}`;
      const path = resourcePath(kind, options.namespace);
      const signal = options.signal ? { signal: options.signal } : {};
      const reply = await this.#call("list", kind, { subject, method: "GET", path, query, ...signal });
      const page = asPage(reply, kind, subject);
      items.push(...page.items);
      token = page.token;
      if (!token) return { items, resourceVersion: page.resourceVersion };
    }
  }

  /** Streams changes, bookmarks included, until the server or the signal ends it. @throws ApiError `kubernetes_gone`: list again. */
  async *watch(kind: ResourceKind, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const subject = `watch ${kind.resource}${options.namespace ? ` in ${options.namespace}` : ""}`;
    const reply = await this.#observed("watch", kind, () =>
      this.#transport.open({
        subject,
        method: "GET",
        path: resourcePath(kind, options.namespace),
        query: {
          ...selectors(options),
          watch: "true",
          allowWatchBookmarks: "true",
          resourceVersion: options.resourceVersion,
          timeoutSeconds: String(options.timeoutSeconds),
        },
        timeoutMs: this.#timeoutMs,
        signal: options.signal,
      }),
    );
    try {
      yield* readWatchEvents(reply, subject);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw new ApiError(subject, 0, { message: messageOf(error) }, { cause: error });
    } finally {
      reply.destroy();
    }
  }

  create(object: KubernetesObject): Promise<KubernetesObject> {
    return this.#write(
      "create",
      object,
      { method: "POST", contentType: "application/json", body: object },
      { collection: true },
    );
  }

  /** Replaces the object; with a resourceVersion this is compare-and-swap. @throws ApiError `kubernetes_conflict` */
  update(object: KubernetesObject): Promise<KubernetesObject> {
    return this.#write("update", object, { method: "PUT", contentType: "application/json", body: object });
  }

  /** Server-side apply with force: we own exactly the fields given. https://kubernetes.io/docs/reference/using-api/server-side-apply/ */
  apply(object: KubernetesObject, options: { subresource?: string } = {}): Promise<KubernetesObject> {
    const body = { method: "PATCH", contentType: "application/apply-patch+yaml", body: object } as const;
    return this.#write("apply", object, body, { ...options, query: { force: "true" } });
  }

  /** JSON merge patch (RFC 7386) of an object or a subresource. With `metadata.resourceVersion` in it, compare-and-swap. */
  mergePatch(
    kind: ResourceKind,
    name: NamespacedName,
    patch: Record<string, unknown>,
    subresource?: string,
  ): Promise<KubernetesObject> {
    this.#beforeWrite();
    return this.#object("patch", kind, name, {
      method: "PATCH",
      contentType: "application/merge-patch+json",
      body: patch,
      ...(subresource ? { subresource } : {}),
      query: { fieldManager: this.#fieldManager },
    });
  }

  /** Merges into `status`, through its subresource. */
  patchStatus(object: KubernetesObject, status: Record<string, unknown>): Promise<KubernetesObject> {
    return this.mergePatch(this.scheme.kindOf(object), nameOf(object), { status }, "status");
  }

  /** Merges into `metadata`: labels, annotations, finalizers; null removes. */
  patchMetadata(object: KubernetesObject, metadata: Record<string, unknown>): Promise<KubernetesObject> {
    return this.mergePatch(this.scheme.kindOf(object), nameOf(object), { metadata });
  }

  /** Deletes; resolves once the server has accepted, which with finalizers is before the object is gone. */
  async delete(kind: ResourceKind, name: NamespacedName, options: DeleteOptions = {}): Promise<void> {
    this.#beforeWrite();
    const subject = `delete ${kind.kind} ${keyOf(name)}`;
    const body = { apiVersion: "v1", kind: "DeleteOptions", ...options };
    const path = resourcePath(kind, name.namespace, name.name);
    await this.#call("delete", kind, { subject, method: "DELETE", path, contentType: "application/json", body });
  }

  /** Closes idle connections. */
  close(): void {
    this.#transport.close();
  }

  #write(
    verb: string,
    object: KubernetesObject,
    request: Pick<TransportRequest, "method" | "contentType" | "body">,
    options: { subresource?: string; collection?: boolean; query?: Record<string, string> } = {},
  ): Promise<KubernetesObject> {
    this.#beforeWrite();
    const { collection, ...rest } = options;
    const query = { fieldManager: this.#fieldManager, ...rest.query };
    return this.#object(verb, this.scheme.kindOf(object), nameOf(object), { ...request, ...rest, query }, collection);
  }

  async #object(
    verb: string,
    kind: ResourceKind,
    name: NamespacedName,
    request: Partial<TransportRequest> & Pick<TransportRequest, "method"> & { subresource?: string },
    collection = false,
  ): Promise<KubernetesObject> {
    const { subresource, ...rest } = request;
    const subject = `${verb} ${kind.kind} ${keyOf(name)}${subresource ? ` (${subresource})` : ""}`;
    const path = resourcePath(kind, name.namespace, collection ? undefined : name.name, subresource);
    const reply = await this.#call(verb, kind, { subject, path, ...rest });
    if (isKubernetesObject(reply)) return reply;
    throw new ApiError(subject, 200, { message: "the reply is not an object" }, { code: "kubernetes_bad_reply" });
  }

  #call(verb: string, kind: ResourceKind, request: Omit<TransportRequest, "timeoutMs">): Promise<unknown> {
    return this.#observed(verb, kind, () => this.#transport.json({ ...request, timeoutMs: this.#timeoutMs }));
  }

  async #observed<Reply>(verb: string, kind: ResourceKind, send: () => Promise<Reply>): Promise<Reply> {
    const started = performance.now();
    const ended = (status: number) =>
      this.#onCall({ verb, resource: kind.resource, status, seconds: (performance.now() - started) / 1_000 });
    try {
      const reply = await send();
      ended(200);
      return reply;
    } catch (error) {
      ended(error instanceof ApiError ? error.status : 0);
      throw error;
    }
  }
}

/** Where client-node goes when it has found nothing: a port that nobody asked for. */
const NOTHING_FOUND = "http://localhost:8080";

/**
 * The kubeconfig as kubectl finds it: `$KUBECONFIG`, `~/.kube/config`, else the pod's service account.
 * @throws CodedError `no_kubeconfig` when there is none of them or it cannot be read
 */
export function loadKubeConfig(): KubeConfig {
  const kubeConfig = new KubeConfig();
  try {
    kubeConfig.loadFromDefault();
  } catch (cause) {
    const from = process.env.KUBECONFIG ? `$KUBECONFIG (${process.env.KUBECONFIG})` : "the kubeconfig";
    throw new CodedError("no_kubeconfig", `${from} cannot be read: ${messageOf(cause)}`, { cause });
  }
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster)
    throw new CodedError(
      "no_kubeconfig",
      `the kubeconfig's context "${kubeConfig.getCurrentContext()}" names no cluster`,
    );
  if (cluster.name === "cluster" && cluster.server === NOTHING_FOUND)
    throw new CodedError(
      "no_kubeconfig",
      "no way to an API server: set $KUBECONFIG, or run in a pod with a service account token",
    );
  return kubeConfig;
}

function nameOf(object: KubernetesObject): NamespacedName {
  return { namespace: object.metadata.namespace ?? "", name: object.metadata.name };
}

function selectors(options: ListOptions): Record<string, string | undefined> {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}

function asPage(reply: unknown, kind: ResourceKind, subject: string): ObjectList & { token: string | undefined } {
  const { metadata, items } = (reply ?? {}) as {
    metadata?: { resourceVersion?: string; continue?: string };
    items?: unknown;
  };
  if (typeof metadata?.resourceVersion !== "string" || !Array.isArray(items ?? []))
    throw new ApiError(subject, 200, { message: "the reply is not a list" }, { code: "kubernetes_bad_reply" });
  // Items of the built-in kinds' lists carry neither apiVersion nor kind.
  const objects = ((items ?? []) as object[]).map((item) => ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    ...item,
  }));
  if (!objects.every(isKubernetesObject))
    throw new ApiError(
      subject,
      200,
      { message: "an item of the list is not an object" },
      { code: "kubernetes_bad_reply" },
    );
  return { items: objects, resourceVersion: metadata.resourceVersion, token: metadata.continue || undefined };
}
