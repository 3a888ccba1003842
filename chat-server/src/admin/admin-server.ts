import { createHash, timingSafeEqual } from "node:crypto";
import fastify, { type FastifyInstance } from "fastify";
import type { Registry } from "prom-client";
import { Type } from "typebox";

/** What the admin side shows and does. */
export interface AdminSubject {
  serverId: string;
  registry: Registry;
  /** What is missing for taking new connections; empty when ready. */
  missing(): string[];
  connections(): number;
  draining(): boolean;
  /** Starts to drain; a second call changes nothing. */
  drain(seconds: number): void;
}

const MAX_DRAIN_SECONDS = 3_600;
const DrainBody = Type.Object(
  { seconds: Type.Number({ minimum: 0, maximum: MAX_DRAIN_SECONDS }) },
  { additionalProperties: false },
);

/** Health, metrics and, with a token, `/admin/*`; docs/architecture.md has the contract. */
export function createAdminServer(subject: AdminSubject, token: string | undefined): FastifyInstance {
  const app = fastify({ bodyLimit: 1_024, forceCloseConnections: true });

  app.get("/healthz", () => ({ status: "ok" }));
  app.get("/readyz", (_request, reply) => {
    const missing = subject.missing();
    return reply.code(missing.length > 0 ? 503 : 200).send({ ready: missing.length === 0, missing });
  });
  app.get("/metrics", async (_request, reply) => {
    reply.header("content-type", subject.registry.contentType);
    return subject.registry.metrics();
  });

  if (token !== undefined) {
    const status = () => {
      const connections = subject.connections();
      const draining = subject.draining();
      return { serverId: subject.serverId, connections, draining, drained: draining && connections === 0 };
    };
    app.register(async (admin) => {
      admin.addHook("onRequest", async (request, reply) => {
        if (!sameText(request.headers.authorization ?? "", `Bearer ${token}`))
          await reply.code(401).send({ code: "unauthenticated", message: "wrong or missing admin token" });
      });
      admin.get("/admin/status", status);
      admin.post<{ Body: { seconds: number } }>("/admin/drain", { schema: { body: DrainBody } }, (request, reply) => {
        subject.drain(request.body.seconds);
        return reply.code(202).send(status());
      });
    });
  }
  return app;
}

/** In constant time, whatever the lengths. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
