import type { ChatCluster } from "../api/chat-cluster.ts";
import type { ParentRef } from "../api/spec/gateway.ts";
import { type Condition, type DesiredCondition, findCondition, type KubernetesObject } from "../runtime/index.ts";

/** https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus */
interface ParentStatus {
  readonly parentRef: ParentRef;
  readonly conditions?: readonly Condition[];
}

type Said = Omit<DesiredCondition, "type">;

/** What the Gateways say of an HTTPRoute: each of them has to accept it and find the chat servers' Service. The first that does not gives the reason. */
export function httpRouteReady(
  cluster: ChatCluster,
  parentRefs: readonly ParentRef[],
  route: KubernetesObject | undefined,
): Said {
  if (!route) return { status: "False", reason: "Starting", message: "the HTTPRoute is not there yet" };
  const { parents = [] } = (route.status ?? {}) as { parents?: readonly ParentStatus[] };
  const { generation } = route.metadata;
  const said = parentRefs.map((parent): Said | undefined => {
    const theirs = parents.filter(({ parentRef }) => isSame(parent, parentRef, cluster.metadata.namespace));
    return verdict(describe(parent, cluster.metadata.namespace), theirs, generation);
  });
  const amiss = said.find((each) => each !== undefined);
  const names = parentRefs.map((parent) => describe(parent, cluster.metadata.namespace)).join(", ");
  return amiss ?? { status: "True", reason: "Accepted", message: `${names} accepted HTTPRoute ${route.metadata.name}` };
}

/** What is amiss at one Gateway; undefined if nothing is. Several controllers may speak for it, of which one is enough. */
function verdict(parent: string, statuses: readonly ParentStatus[], generation: number | undefined): Said | undefined {
  const verdicts = statuses.map(({ conditions }) => {
    // What was said of an older route is not said of this one.
    const now = conditions?.filter(({ observedGeneration = 0 }) => observedGeneration >= (generation ?? 0));
    const accepted = findCondition(now, "Accepted");
    const resolved = findCondition(now, "ResolvedRefs");
    if (!accepted || accepted.status === "Unknown") return pending(parent);
    if (accepted.status === "False") return refusal("NotAccepted", parent, accepted);
    return resolved?.status === "False" ? refusal("RefsNotResolved", parent, resolved) : undefined;
  });
  return verdicts.length === 0 || !verdicts.includes(undefined) ? (verdicts[0] ?? pending(parent)) : undefined;
}

function pending(parent: string): Said {
  const message = `no controller has answered for ${parent} yet: is it there, and may routes of this namespace belong to it`;
  return { status: "Unknown", reason: "AcceptancePending", message };
}

function refusal(reason: string, parent: string, condition: Condition): Said {
  return { status: "False", reason, message: `${parent}: ${condition.reason}: ${condition.message}` };
}

function isSame(wanted: ParentRef, said: ParentRef, namespace: string): boolean {
  return (
    wanted.name === said.name &&
    (wanted.namespace ?? namespace) === (said.namespace ?? namespace) &&
    wanted.sectionName === said.sectionName &&
    wanted.port === said.port
  );
}

function describe({ name, namespace, sectionName }: ParentRef, own: string): string {
  return `Gateway ${namespace ?? own}/${name}${sectionName === undefined ? "" : ` (${sectionName})`}`;
}
