import type { DesiredCondition } from "../runtime/index.ts";
import type { Observation } from "./observation.ts";

/** Reasons for which connections do not decide the number of servers now. */
const INACTIVE = new Set(["FixedReplicas", "CountsMissing"]);

/** `ScalingActive`: whether connections decide the number of servers, and why the number is what it is. */
export function scalingActive({ scaling }: Observation): DesiredCondition {
  if (!scaling)
    return { type: "ScalingActive", status: "Unknown", reason: "NotEvaluated", message: "not looked at yet" };
  const { reason, message } = scaling;
  return { type: "ScalingActive", status: INACTIVE.has(reason) ? "False" : "True", reason, message };
}
