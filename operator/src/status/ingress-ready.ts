import type { DesiredCondition } from "../runtime/index.ts";
import { componentCondition } from "./component-condition.ts";
import { httpRouteReady } from "./http-route-ready.ts";
import { ingressObjectReady } from "./ingress-object-ready.ts";
import type { Observation } from "./observation.ts";

const type = "IngressReady";

/** `IngressReady`: clients can come in, as far as it can be known; or the way in is somebody else's. */
export function ingressReady({ cluster, ingress, wayIn, ingressProblem }: Observation): DesiredCondition {
  const { mode, gateway } = cluster.spec.ingress;
  if (ingressProblem) return { type, status: "False", ...ingressProblem };
  if (mode === "None") return { type, status: "True", reason: "NotManaged", message: "spec.ingress.mode is None" };
  if (mode === "Ingress") return { type, ...ingressObjectReady(wayIn) };
  if (gateway) return { type, ...httpRouteReady(cluster, gateway.parentRefs, wayIn) };
  return componentCondition(ingress, { type, plural: "HAProxy pods", needed: 1 });
}
