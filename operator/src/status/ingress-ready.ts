import type { DesiredCondition } from "../runtime/index.ts";
import { componentCondition } from "./component-condition.ts";
import type { Observation } from "./observation.ts";

/** `IngressReady`: at least one HAProxy takes connections. */
export function ingressReady({ ingress }: Observation): DesiredCondition {
  return componentCondition(ingress, { type: "IngressReady", plural: "HAProxy pods", needed: 1 });
}
