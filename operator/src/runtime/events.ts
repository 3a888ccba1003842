import { messageOf } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { Client } from "./client.ts";
import { type Clock, systemClock } from "./clock.ts";
import { microTimestamp } from "./conditions.ts";
import type { RuntimeMetrics } from "./metrics.ts";
import { describeObject, type KubernetesObject } from "./object.ts";
import { Event } from "./scheme.ts";

/** What happened to an object, as `kubectl describe` shows it. */
export interface EventDetails {
  readonly type: "Normal" | "Warning";
  /** Why, one word in CamelCase: `ScaleDownRefused`. */
  readonly reason: string;
  /** What the controller did or tried, one word in CamelCase: `Scale`. */
  readonly action: string;
  /** For people; cut at 1024 bytes. */
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly logger: Logger;
  /** `chatcluster.dev/operator` */
  readonly reportingController: string;
  /** The pod's name. */
  readonly reportingInstance: string;
  readonly metrics?: Pick<RuntimeMetrics, "eventsDropped">;
  readonly clock?: Clock;
  /** New Events an object may have at once, and a minute after that: a token bucket an object. 25 and 1 by default, as client-go. */
  readonly burst?: number;
  readonly perMinute?: number;
}

/** The API server's limit for `note`. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
const MAX_NOTE_BYTES = 1024;
/** An Event that repeats within this time is counted in its series; later it is a new Event. */
const SERIES_MS = 360_000;
/** A series that repeats faster than this is counted here and written at this pace. */
const SERIES_WRITE_MS = 60_000;
const MAX_REMEMBERED = 4096;

interface Series {
  readonly namespace: string;
  readonly name: string;
  count: number;
  lastSeenMs: number;
  lastWrittenMs: number;
}

/**
 * Records Events (events.k8s.io/v1). The same Event again within six minutes becomes a series, written at most once a minute; new ones are
 * limited per object. An Event that cannot be written is logged and counted, never an error of the caller.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();
  readonly #writing = new Set<Promise<void>>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Returns at once; the write goes on behind. */
  record(regarding: KubernetesObject, details: EventDetails): void {
    const writing = this.#record(regarding, details).catch((error: unknown) => {
      this.#options.metrics?.eventsDropped.inc({ reason: "error" });
      this.#options.logger.warn(
        { object: describeObject(regarding), event: details.reason },
        `event not written: ${messageOf(error)}`,
      );
    });
    this.#writing.add(writing);
    void writing.finally(() => this.#writing.delete(writing));
  }

  /** Resolves when what was recorded so far is written or given up. */
  async flush(): Promise<void> {
    await Promise.all(this.#writing);
  }

  async #record(regarding: KubernetesObject, details: EventDetails): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const key = JSON.stringify([regarding.metadata.uid ?? describeObject(regarding), details]);
    const series = this.#series.get(key);
    if (series && nowMs - series.lastSeenMs < SERIES_MS) {
      this.#remember(this.#series, key, series);
      await this.#repeat(series, nowMs);
      return;
    }
    if (!this.#takeToken(regarding.metadata.uid ?? describeObject(regarding), nowMs)) {
      this.#options.metrics?.eventsDropped.inc({ reason: "rate_limit" });
      this.#options.logger.debug(
        { object: describeObject(regarding), event: details.reason },
        "event dropped by the rate limit",
      );
      return;
    }
    const event = this.#build(regarding, details);
    const { namespace = "default", name } = event.metadata;
    this.#remember(this.#series, key, { namespace, name, count: 1, lastSeenMs: nowMs, lastWrittenMs: nowMs });
    try {
      await this.#options.client.create(event);
    } catch (error) {
      this.#series.delete(key);
      throw error;
    }
  }

  async #repeat(series: Series, nowMs: number): Promise<void> {
    series.count += 1;
    series.lastSeenMs = nowMs;
    // The first repetition is written at once, so that the series is seen to be one.
    if (series.count > 2 && nowMs - series.lastWrittenMs < SERIES_WRITE_MS) return;
    series.lastWrittenMs = nowMs;
    const patch = { series: { count: series.count, lastObservedTime: microTimestamp(this.#clock.now()) } };
    await this.#options.client.mergePatch(Event, series, patch);
  }

  #build(regarding: KubernetesObject, { type, reason, action, note }: EventDetails): KubernetesObject {
    const { name, namespace = "default", uid, resourceVersion } = regarding.metadata;
    const suffix = `${Date.now().toString(16)}${Math.floor(Math.random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0")}`;
    return {
      apiVersion: Event.apiVersion,
      kind: Event.kind,
      metadata: { name: `${name.slice(0, 220)}.${suffix}`, namespace },
      eventTime: microTimestamp(this.#clock.now()),
      type,
      reason,
      action,
      note: cut(note),
      reportingController: this.#options.reportingController,
      reportingInstance: this.#options.reportingInstance.slice(0, 128),
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name,
        uid,
        resourceVersion,
        namespace: regarding.metadata.namespace,
      },
    };
  }

  #takeToken(object: string, nowMs: number): boolean {
    const burst = this.#options.burst ?? 25;
    const bucket = this.#buckets.get(object) ?? { tokens: burst, atMs: nowMs };
    const refilled = bucket.tokens + ((nowMs - bucket.atMs) / 60_000) * (this.#options.perMinute ?? 1);
    const tokens = Math.min(burst, refilled);
    this.#remember(this.#buckets, object, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    return tokens >= 1;
  }

  #remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
    map.delete(key);
    map.set(key, value);
    const [oldest] = map.keys();
    if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
  }
}

function cut(note: string): string {
  const bytes = Buffer.from(note, "utf8");
  if (bytes.length <= MAX_NOTE_BYTES) return note;
  return `${new TextDecoder().decode(bytes.subarray(0, MAX_NOTE_BYTES - 6)).replace(/\uFFFD$/, "")}…`;
}
