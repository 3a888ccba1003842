import type { OutboundFrame } from "./outbound-frame.ts";

/** What a session needs of a transport. */
export interface Connection {
  /** Takes the frame in order; what is sent within one turn of the event loop may leave in one write. No effect once closed. */
  send(frame: OutboundFrame): void;
  /** Ends the connection with a code of protocol's `CloseCode` after what has been sent. */
  close(code: number, reason: string): void;
  /** From now on frames that have a binary form leave in it; transports of text have no such method. */
  useBinary?(): void;
  /** Resolves when the peer has taken most of what was sent, or the connection is closed. */
  drained(): Promise<void>;
  /** Where nothing of the client comes back by the connection itself: how its requests name it. */
  readonly streamId?: string;
  /** A request named it. */
  onSignOfLife?(): void;
}
