import type { WebSocket as K6WebSocket } from "k6/websockets";

// k6's own loader, there while a script is being loaded; a module that is absent can only be asked for through it.
declare const require: (module: string) => { WebSocket: typeof K6WebSocket };

/** k6's WebSocket: `k6/websockets` from 1.6 on, the same under `k6/experimental/websockets` before. */
export const WebSocket: typeof K6WebSocket = load();

function load(): typeof K6WebSocket {
  try {
    return require("k6/websockets").WebSocket;
  } catch (error) {
    if (!String(error).includes("unknown module")) throw error;
    return require("k6/experimental/websockets").WebSocket;
  }
}
