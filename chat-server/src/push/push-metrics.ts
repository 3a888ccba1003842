import { Counter, Gauge, type Registry } from "prom-client";
import type { QueueDepth } from "./push-queue.ts";

/** The figures of push, in Prometheus' terms. Reasons and codes are single words from a short list (see `reasonOf`). */
export class PushMetrics {
  readonly sent: Counter<"provider">;
  readonly retried: Counter<"provider" | "reason">;
  readonly dead: Counter<"provider" | "reason">;
  readonly rejected: Counter<"provider" | "code">;
  readonly expired: Counter<"provider">;
  readonly dropped: Counter;

  constructor(registry: Registry, depth: () => Promise<QueueDepth | undefined>) {
    const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
      new Counter({ name, help, labelNames, registers: [registry] });
    this.sent = counter("chat_push_sent_total", "Notifications that a push service has taken over", ["provider"]);
    this.retried = counter("chat_push_retried_total", "Tries that failed and will be repeated", ["provider", "reason"]);
    this.dead = counter("chat_push_dead_tokens_total", "Tokens removed because nothing reaches them", [
      "provider",
      "reason",
    ]);
    this.rejected = counter("chat_push_rejected_total", "Notifications given up because they are not acceptable", [
      "provider",
      "code",
    ]);
    this.expired = counter("chat_push_expired_total", "Notifications given up because their time was over", [
      "provider",
    ]);
    this.dropped = counter("chat_push_dropped_total", "Jobs dropped because the queue was full", []);
    new Gauge({
      name: "chat_push_queue_depth",
      help: "Jobs in the queue that all servers share: ready (or being sent), and delayed until another try",
      labelNames: ["state"],
      registers: [registry],
      async collect() {
        const now = await depth();
        // An unreachable queue has no depth; an old one would be a lie.
        this.reset();
        if (!now) return;
        this.set({ state: "ready" }, now.ready);
        this.set({ state: "delayed" }, now.delayed);
      },
    });
  }
}
