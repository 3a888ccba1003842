import type { Fetch, Transport } from "@chatcluster/client";

/** Takes note of what went to or from a device, as one line of JSON each. */
export type Trace = (deviceId: string, event: Readonly<Record<string, unknown>>) => void;

/** The same transport, with every frame both ways noted. */
export function traced(transport: Transport, note: (event: Record<string, unknown>) => void): Transport {
  return {
    name: transport.name,
    open(target, events) {
      const connection = transport.open(target, {
        onOpen: () => events.onOpen(),
        onFrame: (frame) => {
          note({ on: transport.name, got: String(frame) });
          events.onFrame(frame);
        },
        onClose: (code, reason) => {
          note({ on: transport.name, closed: code, reason });
          events.onClose(code, reason);
        },
      });
      return {
        send: (frame) => {
          note({ on: transport.name, sent: String(frame) });
          connection.send(frame);
        },
        listed: () => connection.listed?.(),
        close: (code, reason) => connection.close(code, reason),
      };
    },
  };
}

/** The same, with every request noted: a poll signs in by itself where it comes to another server. */
export function tracedFetch(fetch: Fetch, note: (event: Record<string, unknown>) => void): Fetch {
  return async (url, init) => {
    const what = { request: `${init.method ?? "GET"} ${url.host}${url.pathname}`, body: init.body };
    try {
      const response = await fetch(url, init);
      note({ ...what, status: response.status });
      return response;
    } catch (error) {
      note({ ...what, error: String(error) });
      throw error;
    }
  };
}
