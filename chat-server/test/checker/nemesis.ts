import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "@chatcluster/local/services";
import type { Application } from "./application.ts";
import { CARRIERS } from "./device-network.ts";
import type { Random } from "./random.ts";
import type { ServerFleet } from "./server-fleet.ts";

export interface NemesisOptions {
  readonly fleet: ServerFleet;
  readonly redis?: Redis;
  readonly applications: readonly Application[];
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Milliseconds between two faults, at most. */
  readonly pauseMs: number;
  readonly log: (text: string) => void;
}

/** How often each fault is chosen, in relation to the others. */
const WEIGHTS = {
  kill: 3,
  stop: 3,
  drain: 2,
  redis: 1,
  cut: 4,
  halfOpen: 4,
  slow: 2,
  offline: 3,
  partition: 2,
  block: 2,
} as const;
type Fault = keyof typeof WEIGHTS;
/** Those that are done to devices; the others are done to a server. */
const OF_DEVICES: readonly Fault[] = ["offline", "block"];
const BAG = (Object.keys(WEIGHTS) as Fault[]).flatMap((fault) => Array<Fault>(WEIGHTS[fault]).fill(fault));

/** Does harm, one fault after the other, until the signal; heals each before the next, but for what must heal by itself. */
export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #faults: Record<Fault, (server: number) => Promise<void>>;
  /** How often each fault was done. */
  readonly done: Partial<Record<Fault, number>> = {};

  constructor(options: NemesisOptions) {
    this.#options = options;
    const { fleet, redis, random } = options;
    const place = (index: number) => fleet.place(index);
    this.#faults = {
      kill: async (index) => {
        await place(index).server?.kill();
        await this.#wait(500, 3_000);
        await fleet.startServer(index);
      },
      stop: async (index) => {
        place(index).server?.pause();
        await this.#wait(500, 5_000);
        place(index).server?.resume();
      },
      drain: async (index) => {
        const status = await place(index).server?.terminate();
        if (status !== 0) throw new Error(`${place(index).name} ended its drain with status ${status}`);
        await fleet.startServer(index);
      },
      redis: async () => {
        if (random.chance(0.5)) await redis?.kill();
        await redis?.restart();
      },
      cut: async (index) => void place(index).proxy.cut(() => random.chance(0.7)),
      halfOpen: async (index) => void place(index).proxy.halfOpen(() => random.chance(0.5)),
      slow: async (index) => {
        place(index).proxy.weather.delayMs = random.between(20, 400);
        await this.#wait(1_000, 3_000);
        place(index).proxy.weather.delayMs = 0;
      },
      offline: async () => {
        const { network } = random.pick(options.applications);
        if (network) network.offline = true;
        await this.#wait(500, 4_000);
        if (network) network.offline = false;
      },
      block: async () => {
        // Of the better transports, so that who may use all of them has one left.
        const carriers = CARRIERS.slice(0, random.between(1, CARRIERS.length - 1));
        const blocked = options.applications.filter(() => random.chance(0.7));
        for (const { network } of blocked) if (network) network.blocked = carriers;
        await this.#wait(1_000, 5_000);
        for (const { network } of blocked) if (network) network.blocked = [];
      },
      partition: async (index) => {
        place(index).proxy.weather.refusing = true;
        place(index).proxy.halfOpen(() => true);
        await this.#wait(500, 3_000);
        place(index).proxy.weather.refusing = false;
      },
    };
  }

  /** Rejects if the system fails in a way that is no fault of the nemesis. */
  async run(): Promise<void> {
    const { random, signal, pauseMs, log, fleet, redis } = this.#options;
    const bag = BAG.filter((fault) => fault !== "redis" || redis);
    while (!signal.aborted) {
      const fault = random.pick(bag);
      const server = random.between(0, fleet.places.length - 1);
      log(`${fault} ${fault === "redis" || OF_DEVICES.includes(fault) ? "" : fleet.place(server).name}`);
      await this.#faults[fault](server);
      this.done[fault] = (this.done[fault] ?? 0) + 1;
      await this.#wait(0, pauseMs);
    }
  }

  /** Ends early at the signal, so that what was begun is healed at once. */
  async #wait(low: number, high: number): Promise<void> {
    const { random, signal } = this.#options;
    await delay(random.between(low, high), undefined, { signal }).catch(() => undefined);
  }
}
