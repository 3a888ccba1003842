import type { ScalingState } from "./history.ts";
import type { ScalingTiming } from "./policy.ts";

/** A prediction never goes beyond this multiple of what is there: a line is a guess. */
const MOST_GROWTH = 2;

/**
 * Connections to be expected when a server that is asked for now takes its first: a straight line (least squares) through the last
 * `timing.ramp` seconds, drawn on by `timing.startup` seconds.
 *
 * The line goes through the highest count so far, not the count itself: clients of a dead server who come back within the
 * history are no growth. Incomplete readings are left out, for the next complete one would look like a ramp.
 *
 * @returns `connections` itself where there is no ramp, or too little history to tell.
 */
export function predictConnections(
  state: ScalingState,
  connections: number,
  now: number,
  timing: ScalingTiming,
): number {
  const start = now - timing.ramp * 1000;
  const points = risingEnvelope(state).filter(({ at }) => at >= start);
  const [first, last] = [points[0], points.at(-1)];
  if (points.length < 3 || first === undefined || last === undefined) return connections;
  if (last.at - first.at < (timing.ramp * 1000) / 3) return connections;
  const growth = slope(points) * timing.startup * 1000;
  return Math.min(connections * MOST_GROWTH, Math.max(connections, connections + growth));
}

interface Point {
  readonly at: number;
  readonly highest: number;
}

function risingEnvelope(state: ScalingState): Point[] {
  let highest = 0;
  return state.history
    .filter(({ complete }) => complete)
    .map(({ at, connections }) => {
      highest = Math.max(highest, connections);
      return { at, highest };
    });
}

/** Connections a millisecond. */
function slope(points: readonly Point[]): number {
  const meanAt = points.reduce((sum, { at }) => sum + at / points.length, 0);
  const meanHighest = points.reduce((sum, { highest }) => sum + highest / points.length, 0);
  let covariance = 0;
  let variance = 0;
  for (const { at, highest } of points) {
    covariance += (at - meanAt) * (highest - meanHighest);
    variance += (at - meanAt) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}
