import fastify, { type FastifyInstance } from "fastify";
import { type PageOptions, registerPages } from "../web/pages.ts";
import { answerBadUrl, answerUnreadable } from "./http/unreadable-request.ts";
import { CHAT_PATH, type WebSocketTransport } from "./websocket.ts";

export const PRODUCT = { name: "ChatCluster", version: "0.1.0" } as const;

/** The public HTTP side: the pages, and what it is for programs that ask; hands upgrades to the WebSocket transport. */
export function createPublicServer(webSocket: WebSocketTransport, pages: Omit<PageOptions, "index">): FastifyInstance {
  const app = fastify({
    bodyLimit: 1_024,
    forceCloseConnections: true,
    clientErrorHandler: answerUnreadable,
    frameworkErrors: answerBadUrl,
  });
  registerPages(app, { ...pages, index: () => ({ ...PRODUCT, links: { websocket: CHAT_PATH } }) });
  app.get(CHAT_PATH, (_request, reply) =>
    reply.code(426).header("upgrade", "websocket").send({ code: "upgrade_required", message: "this is a WebSocket" }),
  );
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ code: "not_found", message: "no such page" }));
  app.server.on("upgrade", (request, socket, head) => void webSocket.upgrade(request, socket, head));
  return app;
}
