import type { ScalingTiming } from "./policy.ts";

/** One evaluation. */
export interface Observation {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Open connections of all servers that could be read. */
  readonly connections: number;
  /** Whether every server could be read; if not, `connections` is only a lower bound. */
  readonly complete: boolean;
}

/**
 * What scaling remembers between evaluations: plain data, oldest first, to be kept by the caller. Losing it (a restart of the operator) is safe:
 * a scale-down waits a whole stabilisation window again, a ramp is seen again after a few readings.
 */
export interface ScalingState {
  readonly history: readonly Observation[];
}

export const EMPTY_STATE: ScalingState = { history: [] };

/** Observations kept at most, so that a caller in a hurry cannot grow it: the older of two that are too close is dropped. */
const MAX_OBSERVATIONS = 600;

/**
 * The history with one observation more. It reaches back over the stabilisation window or the ramp, whichever is longer, and one observation
 * beyond, which shows that the window is full. A clock that went back, or a time in which nobody looked, begins a new history:
 * what happened meanwhile is not known.
 */
export function remember(state: ScalingState, observation: Observation, timing: ScalingTiming): ScalingState {
  const last = state.history.at(-1);
  const gap = last === undefined ? 0 : observation.at - last.at;
  if (gap < 0 || gap > longestGap(timing)) return { history: [observation] };
  const reach = Math.max(timing.stabilization, timing.ramp) * 1000;
  const joined = thin([...state.history, observation], reach / MAX_OBSERVATIONS);
  const firstInside = joined.findIndex(({ at }) => at > observation.at - reach);
  return { history: joined.slice(Math.max(0, firstInside - 1)) };
}

/** Seconds without an observation beyond which the history says nothing, as milliseconds. */
function longestGap(timing: ScalingTiming): number {
  return Math.max(60, timing.stabilization / 5) * 1000;
}

/** Of two neighbours closer than `spacing` ms keeps one, which speaks for both: the higher count, incomplete if either was. */
function thin(history: readonly Observation[], spacing: number): Observation[] {
  const [last, previous, ...earlier] = history.toReversed();
  if (last === undefined || previous === undefined) return [...history];
  const before = earlier[0];
  if (before === undefined || previous.at - before.at >= spacing) return [...history];
  const merged: Observation = {
    at: before.at,
    connections: Math.max(before.connections, previous.connections),
    complete: before.complete && previous.complete,
  };
  return [...history.slice(0, -3), merged, last];
}

/**
 * The most connections seen in the last `seconds`.
 *
 * @returns `undefined` where the history does not reach back so far, or a count was missing in it.
 */
export function stablePeak(state: ScalingState, now: number, seconds: number): number | undefined {
  const start = now - seconds * 1000;
  const first = state.history.findLastIndex(({ at }) => at <= start);
  if (first === -1) return undefined;
  const window = state.history.slice(first);
  if (!window.every(({ complete }) => complete)) return undefined;
  return Math.max(...window.map(({ connections }) => connections));
}
