/** Clients over the time of day, in seconds, for the simulation: shapes as chat services see them. */
export interface TrafficShape {
  /** Clients at night and at the height of the day. */
  readonly low: number;
  readonly high: number;
  /** Suddenly more clients: they come within `rampSeconds` and stay for `seconds`. */
  readonly crowds: readonly {
    readonly at: number;
    readonly clients: number;
    readonly rampSeconds: number;
    readonly seconds: number;
  }[];
  /** Height of a fast ripple, as a share of the clients. */
  readonly ripple: number;
}

const DAY = 86_400;

/** The number of clients at a second. Without chance, so that a failing case can be run again. */
export function clientsOf(shape: TrafficShape): (second: number) => number {
  return (second) => {
    const day = (1 - Math.cos((2 * Math.PI * second) / DAY)) / 2;
    const base = shape.low + (shape.high - shape.low) * day ** 2;
    const ripple = 1 + shape.ripple * Math.sin(second / 37) * Math.sin(second / 311);
    return Math.max(0, Math.round(base * ripple + crowdsAt(shape, second)));
  };
}

function crowdsAt({ crowds }: TrafficShape, second: number): number {
  return crowds.reduce((sum, { at, clients, rampSeconds, seconds }) => {
    const since = second - at;
    if (since < 0 || since > seconds) return sum;
    return sum + clients * Math.min(1, since / rampSeconds, (seconds - since) / rampSeconds);
  }, 0);
}
