/** Where to connect and as whom. */
export interface TransportTarget {
  /** The server's address, as `wss://chat.example/chat`. */
  readonly url: string;
  /** The JWT; a transport must not log it. */
  readonly token: string;
}

/** What a transport tells. After `onClose`, which comes once, it tells nothing more. */
export interface TransportEvents {
  /** Frames can be sent from now on. */
  onOpen(): void;
  /** One frame of the server, as it came: JSON, or bytes if the connection takes them. */
  onFrame(frame: string | Uint8Array): void;
  /** The connection ended or never came to be. `code` is a WebSocket close code (RFC 6455, section 7.4); 1006 if there was none. */
  onClose(code: number, reason: string): void;
}

export interface TransportConnection {
  /** Sends one frame. Frames arrive in the order in which they were sent; whether one arrived is told by its answer only. */
  send(frame: string | Uint8Array): void;
  /** The client has listed its conversations on this connection: from now on it has the positions of all. Not called where the login has said so. */
  listed?(): void;
  /** Whether bytes can be sent and may come, too; otherwise all is JSON [false]. */
  readonly takesBinary?: boolean;
  /** Ends the connection. `onClose` may come much later, if the other side is gone. May be called twice. */
  close(code: number, reason: string): void;
}

/** A way to carry frames. WebSocket is the first; others keep the same contract. */
export interface Transport {
  /** For the application to show, as `websocket`. */
  readonly name: string;
  /** Starts to connect. Throws only if the target can never work (an ill-formed address); all else is told by `onClose`. */
  open(target: TransportTarget, events: TransportEvents): TransportConnection;
}
