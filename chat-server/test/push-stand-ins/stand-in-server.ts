import { once } from "node:events";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { localCertificate, trust } from "./certificate.ts";

export interface Received {
  method: string;
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** What a stand-in does: an answer in place of its checks, its checks, or nothing until it is told to. */
export type Ordered = Answer | "pass" | "stall";

/** A TLS server with HTTP/2 on 127.0.0.1, whose connections can be made to fail in the ways that networks have. */
export class StandInServer {
  readonly origin: string;
  /** To be trusted by clients in other processes; PEM. This one trusts it already. */
  readonly certificate: string;
  /** How many connections were opened. */
  connections = 0;
  readonly #http: Http2SecureServer;
  readonly #front: Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #pairs = new Set<[Socket, Socket]>();
  readonly #ordered: Ordered[] = [];
  readonly #stalled = new Set<() => void>();

  private constructor(http: Http2SecureServer, front: Server, certificate: string) {
    this.certificate = certificate;
    this.#http = http;
    this.#front = front;
    this.origin = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
  }

  /** @param http1 also speaks HTTP/1.1, as FCM and the Web Push services do and APNs doesn't */
  static async start(http1: boolean, answer: (request: Received) => Promise<Answer>): Promise<StandInServer> {
    const certificate = await localCertificate();
    trust(certificate.cert);
    const http = createSecureServer({ ...certificate, allowHTTP1: http1 });
    const front = createServer();
    http.listen(0, "127.0.0.1");
    front.listen(0, "127.0.0.1");
    await Promise.all([once(http, "listening"), once(front, "listening")]);
    const server = new StandInServer(http, front, certificate.cert);
    front.on("connection", (socket) => server.#pass(socket));
    http.on("session", (session) => {
      server.#sessions.add(session);
      session.on("close", () => server.#sessions.delete(session));
      // Clients that are cut off are part of the tests.
      session.on("error", () => session.destroy());
    });
    http.on("request", (request, response) => void server.#handle(request, response, answer));
    return server;
  }

  /** The next requests get these, one each. */
  order(...answers: Ordered[]): void {
    this.#ordered.push(...answers);
  }

  /** The next requests are dealt with as usual again. */
  orderNothing(): void {
    this.#ordered.length = 0;
  }

  /** Requests that wait for nothing. */
  get stalled(): number {
    return this.#stalled.size;
  }

  /** Answers them after all, as a slow server. */
  release(): void {
    for (const answer of this.#stalled) answer();
    this.#stalled.clear();
  }

  /** Tells every client to go elsewhere, and that streams after `lastStreamId` were not taken up. */
  goaway(lastStreamId: number, code = 0, data?: string): void {
    for (const session of this.#sessions) session.goaway(code, lastStreamId, data ? Buffer.from(data) : undefined);
  }

  /** From now on no byte passes on the connections that are open, and nobody is told. */
  freeze(): void {
    for (const [client, server] of this.#pairs) {
      client.unpipe(server).pause();
      server.unpipe(client).pause();
    }
  }

  /** Resets every open connection. */
  reset(): void {
    for (const [client] of this.#pairs) client.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    for (const sockets of this.#pairs) for (const socket of sockets) socket.destroy();
    this.#http.close();
    this.#front.close();
    await once(this.#front, "close");
  }

  #pass(client: Socket): void {
    this.connections++;
    const server = connect((this.#http.address() as AddressInfo).port, "127.0.0.1");
    const pair: [Socket, Socket] = [client, server];
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of pair) socket.setNoDelay().on("close", end).on("error", end);
    client.pipe(server);
    server.pipe(client);
  }

  async #handle(
    request: Http2ServerRequest,
    response: Http2ServerResponse,
    answer: (request: Received) => Promise<Answer>,
  ): Promise<void> {
    // A client that goes away in the middle is part of the tests.
    response.on("error", () => response.stream?.close());
    const body = Buffer.from(await text(request.setEncoding("latin1")), "latin1");
    const { method, url: path, headers } = request;
    const respond = async (ordered?: Answer) => {
      const {
        status,
        headers: more = {},
        body: content = "",
      } = ordered ?? (await answer({ method, path, headers, body }));
      if (!response.writableEnded && !response.stream?.destroyed) response.writeHead(status, more).end(content);
    };
    const ordered = this.#ordered.shift();
    if (ordered === "stall") this.#stalled.add(() => void respond());
    else await respond(ordered === "pass" ? undefined : ordered);
  }
}
