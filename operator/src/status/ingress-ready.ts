import type { DesiredCondition } from "../runtime/index.ts";
import { componentCondition } from "./component-condition.ts";
import type { Observation } from "./observation.ts";

/** `IngressReady`: at least one HAProxy takes connections, or there is to be none. */
export function ingressReady({ cluster, ingress }: Observation): DesiredCondition {
  if (cluster.spec.ingress.mode === "None")
    return { type: "IngressReady", status: "True", reason: "NotManaged", message: "spec.ingress.mode is None" };
  return componentCondition(ingress, { type: "IngressReady", plural: "HAProxy pods", needed: 1 });
}
