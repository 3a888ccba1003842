/** The size of a run, in the terms of the scenario's environment (`../k6/settings.ts`). */
export interface Profile {
  readonly rooms: number;
  readonly users: number;
  readonly rate: number;
  readonly duration: string;
}

/** Named sizes. `duration` is that of the sending; connecting before and waiting after it come on top. */
export const profiles: Record<string, Profile> = {
  /** Does it work at all: 18 messages/s, 72 deliveries/s … for ten seconds. */
  smoke: { rooms: 3, users: 4, rate: 1.5, duration: "10s" },
  /** 100 messages/s, 1,000 deliveries/s. */
  rooms: { rooms: 10, users: 10, rate: 1, duration: "30s" },
  /** 2,000 connections, 200 messages/s, 20,000 deliveries/s: the workload of the figures in the design. */
  crowd: { rooms: 20, users: 100, rate: 0.1, duration: "60s" },
};
