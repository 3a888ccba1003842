import type { Counter, Histogram } from "prom-client";
import { DURATION_BOUNDS } from "../../admin/metrics.ts";
import type { ServerFigures } from "./figures.ts";

/** The metrics that the dashboard shows, as `/metrics` has them: totals since the start. */
export interface SampledMetrics {
  messages: Counter;
  deliveries: Counter;
  sendSeconds: Histogram;
  deliverySeconds: Histogram;
}

interface Sample {
  at: number;
  messages: number;
  deliveries: number;
  sendClasses: number[];
  deliveryClasses: number[];
}

/** Samples kept for the durations, one a second. */
const WINDOW = 10;

/** Makes rates and counts of a short time out of totals, by the samples before. */
export class FigureSampler {
  readonly #serverId: string;
  readonly #metrics: SampledMetrics;
  readonly #connections: () => number;
  #samples: Sample[] = [];

  constructor(serverId: string, metrics: SampledMetrics, connections: () => number) {
    this.#serverId = serverId;
    this.#metrics = metrics;
    this.#connections = connections;
  }

  /** @param now milliseconds since 1970. */
  async next(now = Date.now()): Promise<ServerFigures> {
    const { messages, deliveries, sendSeconds, deliverySeconds } = this.#metrics;
    const sample: Sample = {
      at: now,
      messages: await totalOf(messages),
      deliveries: await totalOf(deliveries),
      sendClasses: await classesOf(sendSeconds),
      deliveryClasses: await classesOf(deliverySeconds),
    };
    const before = this.#samples.at(-1) ?? sample;
    const first = this.#samples[0] ?? sample;
    this.#samples = [...this.#samples, sample].slice(-WINDOW - 1);
    const seconds = (sample.at - before.at) / 1_000;
    const rate = (total: number, earlier: number) => (seconds > 0 ? (total - earlier) / seconds : 0);
    const since = (classes: number[], earlier: number[]) =>
      classes.map((count, index) => count - (earlier[index] ?? 0));
    return {
      serverId: this.#serverId,
      at: now,
      connections: this.#connections(),
      messagesPerSecond: rate(sample.messages, before.messages),
      deliveriesPerSecond: rate(sample.deliveries, before.deliveries),
      sends: since(sample.sendClasses, first.sendClasses),
      deliveries: since(sample.deliveryClasses, first.deliveryClasses),
    };
  }
}

async function totalOf(counter: Counter): Promise<number> {
  return (await counter.get()).values.reduce((sum, { value }) => sum + value, 0);
}

/** Prometheus counts what is below each bound; the difference to the bound before is what is in a class. */
async function classesOf(histogram: Histogram): Promise<number[]> {
  const { values } = await histogram.get();
  const below = [...DURATION_BOUNDS, "+Inf"].map(
    (bound) => values.find(({ labels }) => labels.le === bound)?.value ?? 0,
  );
  return below.map((count, index) => count - (below[index - 1] ?? 0));
}
