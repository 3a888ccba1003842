import type { Transport, TransportConnection, TransportEvents, TransportTarget } from "@chatcluster/client";

/**
 * What is between the client and its transports: a line that the user can cut and join again, to see what happens to messages meanwhile. Cut, it
 * is as a network that is away: the client loses its connection, and the next one has to wait in {@link token}.
 */
export class Line {
  /** The transports, as this line carries them. */
  readonly transports: readonly Transport[];
  readonly #connections = new Set<TransportConnection>();
  #joined = Promise.withResolvers<void>();
  #cut = false;

  constructor(transports: readonly Transport[]) {
    this.transports = transports.map((transport) => ({
      name: transport.name,
      open: (target, events) => this.#open(transport, target, events),
    }));
    this.#joined.resolve();
  }

  get isCut(): boolean {
    return this.#cut;
  }

  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#joined = Promise.withResolvers();
    for (const connection of this.#connections) connection.close(1000, "the user went offline");
  }

  join(): void {
    this.#cut = false;
    this.#joined.resolve();
  }

  /** The token, once the line is joined: the client asks for it before every connection. */
  async token(token: string): Promise<string> {
    await this.#joined.promise;
    return token;
  }

  #open(transport: Transport, target: TransportTarget, events: TransportEvents): TransportConnection {
    const connection = transport.open(target, {
      onOpen: () => events.onOpen(),
      onFrame: (text) => events.onFrame(text),
      onClose: (code, reason) => {
        this.#connections.delete(connection);
        events.onClose(code, reason);
      },
    });
    this.#connections.add(connection);
    if (this.#cut) connection.close(1000, "the user is offline");
    return connection;
  }
}
