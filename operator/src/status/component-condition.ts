import type { DesiredCondition } from "../runtime/index.ts";
import type { WorkloadState } from "./observation.ts";

/** How a component's condition is worded. */
export interface ComponentWording {
  /** `ServersReady` */
  readonly type: string;
  /** `servers` */
  readonly plural: string;
  /** Ready pods with which the component does its work. */
  readonly needed: number;
}

/** The condition of one component: True when enough of its pods are ready, else why not. */
export function componentCondition(state: WorkloadState, { type, plural, needed }: ComponentWording): DesiredCondition {
  const count = `${state.ready} of ${state.desired} ${plural} ready`;
  if (state.ready >= needed && state.exists) {
    const reason = state.ready >= state.desired ? "AllReady" : "EnoughReady";
    return { type, status: "True", reason, message: count };
  }
  if (state.podProblem) {
    const { reason, message } = state.podProblem;
    return { type, status: "False", reason, message: `${count}; ${message}` };
  }
  if (state.stalled)
    return { type, status: "False", reason: "RolloutStalled", message: `${count}; new pods do not become ready` };
  return { type, status: "False", reason: state.ready === 0 ? "Starting" : "NotEnoughReady", message: count };
}
