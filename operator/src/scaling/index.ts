export { decide, type ScalingDecision, type ScalingInput, type ScalingReason } from "./decide.ts";
export {
  DELETION_COST_ANNOTATION,
  DRAIN_GRACE_SECONDS,
  DRAIN_STARTED_ANNOTATION,
  DRAINING_DELETION_COST,
  type DrainInput,
  type DrainStep,
  nextDrainStep,
  type ServerPod,
} from "./drain.ts";
export { EMPTY_STATE, type Observation, type ScalingState } from "./history.ts";
export { DEFAULT_TIMING, type ScalingPolicy, type ScalingTiming, type ServerReading } from "./policy.ts";
