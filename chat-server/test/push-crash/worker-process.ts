import { createHash } from "node:crypto";
import { createLogger } from "@chatcluster/foundation/logger";
import { Registry } from "prom-client";
import { ApnsProvider } from "../../src/push/apns/apns-provider.ts";
import { PushMetrics } from "../../src/push/push-metrics.ts";
import { PushWorker } from "../../src/push/push-worker.ts";
import { RedisPushQueue } from "../../src/push/queue/redis-push-queue.ts";
import { connectedClient } from "../support/redis-places.ts";

/** What a test tells a worker process, as JSON in its last argument. */
export interface WorkerSettings {
  redisUrl: string;
  apnsUrl: string;
  teamId: string;
  keyId: string;
  topic: string;
  key: string;
  leaseMs: number;
}

/** The one device of a user in these tests. */
export const deviceTokenOf = (userId: string): string => createHash("sha256").update(userId).digest("hex");

async function main(settings: WorkerSettings): Promise<void> {
  const logger = createLogger("worker", "silent");
  const queue = new RedisPushQueue(await connectedClient({ redisUrl: settings.redisUrl }), `worker-${process.pid}`, {
    limit: 1_000,
    leaseMs: settings.leaseMs,
    rememberMs: 60_000,
    onDropped: (count) => logger.error({ count }, "dropped"),
  });
  await queue.start();
  const worker = new PushWorker({
    queue,
    providers: new Map([
      ["apns", new ApnsProvider({ ...settings, url: settings.apnsUrl, key: async () => settings.key, logger })],
    ]),
    devices: {
      withToken: async (userId) => [
        { deviceId: "phone", provider: "apns", token: deviceTokenOf(userId), registeredAt: 1 },
      ],
      removeToken: async () => undefined,
    },
    unread: { of: async () => 1 },
    metrics: new PushMetrics(new Registry(), () => queue.depth()),
    logger,
    concurrency: 64,
    privateTitle: "New message",
  });
  worker.start();
}

if (import.meta.main) await main(JSON.parse(process.argv.at(-1) ?? "{}") as WorkerSettings);
