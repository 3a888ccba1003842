import type { ResourceKind } from "../runtime/index.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { childInformer } from "./informers.ts";

/**
 * The problem that a kind of somebody else's CustomResourceDefinition cannot be used; undefined where it can. It is asked for again meanwhile, and a
 * problem has the ChatCluster looked at again, so that a kind that is installed later is taken up.
 *
 * @param field what of the spec needs it
 * @param reason of the problem where it is not installed
 */
export function missingKind(
  { informers }: Pick<ConcernContext, "informers">,
  kind: ResourceKind,
  field: string,
  reason: string,
): Problem | undefined {
  const informer = childInformer(informers, kind);
  const { refusal } = informer;
  if (!refusal) return undefined;
  informer.lookAgain();
  const wanted = `${kind.kind} of ${kind.apiVersion}, which ${field} needs,`;
  return refusal.status === 403
    ? { reason: "OperatorForbidden", message: `${wanted} may not be read by the operator: ${refusal.message}` }
    : { reason, message: `${wanted} is not served by the API server: install its CustomResourceDefinition` };
}
