import { ChildServer } from "../support/child-server.ts";
import { readiness, type Variables } from "../support/test-server.ts";
import { FaultProxy } from "./fault-proxy.ts";

/** One place of the fleet: a server process, or none at the moment, behind a proxy whose port stays. */
export interface Place {
  readonly name: string;
  readonly proxy: FaultProxy;
  server: ChildServer | undefined;
}

/** Server processes behind a proxy each. */
export class ServerFleet {
  readonly places: Place[] = [];
  readonly #variables: readonly Variables[];

  private constructor(variables: readonly Variables[]) {
    this.#variables = variables;
  }

  static async start(variables: readonly Variables[]): Promise<ServerFleet> {
    const fleet = new ServerFleet(variables);
    // One after the other: the first applies the schema.
    for (const [index] of variables.entries()) {
      fleet.places.push({ name: `server-${index}`, proxy: await FaultProxy.start(0), server: undefined });
      await fleet.startServer(index);
    }
    return fleet;
  }

  async startServer(index: number): Promise<void> {
    const place = this.place(index);
    place.server = await ChildServer.start(this.#variables[index] ?? {});
    place.proxy.targetPort = place.server.port;
  }

  place(index: number): Place {
    const place = this.places[index];
    if (!place) throw new RangeError(`no server ${index}`);
    return place;
  }

  async areReady(): Promise<boolean> {
    for (const { server } of this.places) {
      if (!server) return false;
      if ((await readiness(server)).status !== 200) return false;
    }
    return true;
  }

  /** Base addresses of the servers, through their proxies. */
  addresses(): string[] {
    return this.places.map(({ proxy }) => `ws://127.0.0.1:${proxy.port}/chat`);
  }

  async close(): Promise<void> {
    for (const { server, proxy } of this.places) {
      proxy.close();
      server?.resume();
      await server?.kill();
    }
  }
}
