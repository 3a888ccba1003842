import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import { ApiError, isGone } from "./api-error.ts";
import { type BackoffOptions, backoffDelayMs } from "./backoff.ts";
import type { Client, ListOptions } from "./client.ts";
import type { Clock } from "./clock.ts";
import type { KubernetesObject } from "./object.ts";
import { compareResourceVersions } from "./resource-version.ts";
import type { ResourceKind } from "./scheme.ts";
import type { WatchEvent } from "./watch-stream.ts";

/** A watch that ends sooner than this without an event counts as a failure. */
const SHORTEST_WATCH_MS = 1000;

/** Where a reflector puts what it sees. */
export interface ReflectorSink {
  replace(objects: readonly KubernetesObject[], resourceVersion: string): void;
  event(event: WatchEvent): void;
}

export interface ReflectorOptions {
  readonly client: Client;
  readonly kind: ResourceKind;
  readonly selection: ListOptions;
  readonly sink: ReflectorSink;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The server ends a watch after this time, spread by up to a quarter more so that watches don't end together. */
  readonly watchTimeoutSeconds: number;
  /** A watch that outlives its time by this much is hung: it is ended here and restarted. */
  readonly watchGraceMs: number;
  readonly backoff: BackoffOptions;
  readonly onWatchRestart: (reason: WatchEnd) => void;
  /** The kind may not be there: what `Informer` says of it. */
  readonly optional?: boolean;
}

/** A kind that may not be there is asked for again at most this often, however many want it. */
const LOOK_AGAIN_MS = 2_000;

/** Why a watch ended: at its time, by the watchdog, by 410, or by another error. */
export type WatchEnd = "timeout" | "stale" | "gone" | "error";

/** Lists once, then watches from there for ever: one namespace (or all) of one kind, as client-go's Reflector. */
export class Reflector {
  readonly #options: ReflectorOptions;
  #resourceVersion: string | undefined;
  #lastContactMs: number | undefined;
  #failures = 0;
  #refusal: ApiError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  /** When the API server last said anything (a list, an event, a bookmark, a watch's regular end), by the clock's monotonicMs. */
  get lastContactMs(): number | undefined {
    return this.#lastContactMs;
  }

  /** Why an optional kind cannot be read; undefined while it can. */
  get refusal(): ApiError | undefined {
    return this.#refusal;
  }

  /** Asks again for a kind that was refused; does nothing otherwise. */
  lookAgain(): void {
    this.#wake?.();
  }

  /** Whether the watch has already told about everything up to this version. */
  hasSeen(resourceVersion: string | undefined): boolean {
    const order = compareResourceVersions(resourceVersion, this.#resourceVersion);
    return order === undefined || order <= 0;
  }

  /** Runs until the signal aborts; no error ends it. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (this.#isRefused(error)) await this.#waitForKind(error, signal);
        else await this.#recover(error, signal);
      }
    }
  }

  /** A collection that is not found, or may not be listed, is one of a kind that is not installed, or that nobody gave the right to. */
  #isRefused(error: unknown): error is ApiError {
    return this.#options.optional === true && error instanceof ApiError && [403, 404].includes(error.status);
  }

  async #waitForKind(error: ApiError, signal: AbortSignal): Promise<void> {
    const { clock, kind, logger, sink } = this.#options;
    if (this.#refusal?.status !== error.status)
      logger.info({ resource: kind.resource, reason: error.message }, "an optional kind cannot be read");
    this.#resourceVersion = undefined;
    // There is nobody to hear from: silence is no sign of a stale copy.
    this.#lastContactMs = undefined;
    this.#refusal = error;
    sink.replace([], "");
    await clock.sleep(LOOK_AGAIN_MS, signal);
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    await promise;
    signal.removeEventListener("abort", wake);
    this.#wake = undefined;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, kind, selection, sink } = this.#options;
    const list = await client.list(kind, { ...selection, signal });
    this.#refusal = undefined;
    sink.replace(list.items, list.resourceVersion);
    this.#resourceVersion = list.resourceVersion;
    this.#contact();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, clock, kind, selection, onWatchRestart } = this.#options;
    const timeoutSeconds = Math.ceil(this.#options.watchTimeoutSeconds * (1 + Math.random() / 4));
    const watchdog = new AbortController();
    const ended = AbortSignal.any([signal, watchdog.signal]);
    // Not reset by events: a watch that is alive ends in time by itself, so that the bound holds whatever the kind's traffic.
    const cancel = clock.after(timeoutSeconds * 1000 + this.#options.watchGraceMs, () => watchdog.abort());
    try {
      const resourceVersion = this.#resourceVersion ?? "";
      const events = client.watch(kind, { ...selection, resourceVersion, timeoutSeconds, signal: ended });
      const startedMs = clock.monotonicMs();
      let count = 0;
      for await (const event of events) {
        this.#take(event);
        count += 1;
      }
      // Without this, a server or proxy that ends every watch at once would be asked in a busy loop.
      if (count === 0 && clock.monotonicMs() - startedMs < SHORTEST_WATCH_MS)
        throw new ApiError(`watch ${kind.resource}`, 0, { message: "ended as soon as it began" });
      this.#contact();
      onWatchRestart("timeout");
    } catch (error) {
      if (signal.aborted) return;
      if (!watchdog.signal.aborted) throw error;
      this.#options.logger.warn(
        { resource: kind.resource, timeoutSeconds },
        "watch gave no sign of its end, restarting it",
      );
      onWatchRestart("stale");
    } finally {
      cancel();
    }
  }

  #take(event: WatchEvent): void {
    if (event.type !== "BOOKMARK") this.#options.sink.event(event);
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#contact();
  }

  #contact(): void {
    this.#lastContactMs = this.#options.clock.monotonicMs();
    this.#failures = 0;
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { backoff, clock, kind, logger, onWatchRestart } = this.#options;
    // A connection that broke goes on from its version; any answer that is an error could be about the version: list again.
    const relist = !(error instanceof ApiError) || error.status !== 0 || error.code !== "kubernetes_unavailable";
    if (relist) this.#resourceVersion = undefined;
    onWatchRestart(isGone(error) ? "gone" : "error");
    const asked =
      error instanceof ApiError && error.retryAfterSeconds !== undefined ? error.retryAfterSeconds * 1000 : 0;
    const delayMs = Math.max(
      asked,
      isGone(error) && this.#failures === 0 ? 0 : backoffDelayMs(backoff, this.#failures),
    );
    this.#failures += 1;
    logger.warn(
      { resource: kind.resource, relist, delayMs: Math.round(delayMs), reason: messageOf(error) },
      "watch broke",
    );
    await clock.sleep(delayMs, signal);
  }
}
