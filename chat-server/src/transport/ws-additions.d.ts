import "ws";

/** What ws 8.23 has and its types do not know. */
declare module "ws" {
  export const Sender: {
    /** Frames data (RFC 6455, section 5.2): header and payload. */
    frame(
      data: Buffer,
      options: { fin: boolean; rsv1: boolean; opcode: number; mask: boolean; readOnly: boolean },
    ): Buffer[];
  };
  interface ServerOptions {
    /** Milliseconds that a peer has to finish the closing handshake. */
    closeTimeout?: number;
    /** Fragments that one message may come in [16,384]. */
    maxFragments?: number;
  }
}
