import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Upper bounds, in seconds, of the classes that durations are counted in; the last class, beyond them, has no bound. */
export const DURATION_BOUNDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] as const;

/** The figures of one server, in Prometheus' terms. */
export class Metrics {
  readonly registry = new Registry();
  readonly #counter = (name: string, help: string) => new Counter({ name, help, registers: [this.registry] });

  readonly messages = this.#counter("chat_messages_total", "Messages acknowledged to their senders");
  readonly deliveries = this.#counter("chat_deliveries_total", "Messages given to connections");
  readonly slowConsumers = this.#counter(
    "chat_slow_consumers_total",
    "Connections closed because too many bytes waited for them",
  );
  readonly redisRoundTrips = this.#counter(
    "chat_redis_round_trips_total",
    "Round trips to Redis: commands, scripts or whole pipelines",
  );
  readonly cassandraQueries = this.#counter("chat_cassandra_queries_total", "Queries to Cassandra");
  readonly sendSeconds = new Histogram({
    name: "chat_send_seconds",
    help: "From the frame to its acknowledgement",
    buckets: [...DURATION_BOUNDS],
    registers: [this.registry],
  });
  /** By the clock of the server, or of Redis, that gave the message its time, and the clock of this one. */
  readonly deliverySeconds = new Histogram({
    name: "chat_delivery_seconds",
    help: "From a message's time to its arrival at a server with members online",
    buckets: [...DURATION_BOUNDS],
    registers: [this.registry],
  });

  constructor(openConnections: () => number) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: "chat_open_connections",
      help: "Open client connections",
      registers: [this.registry],
      collect() {
        this.set(openConnections());
      },
    });
  }
}
