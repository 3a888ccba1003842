import { CodedError } from "@chatcluster/foundation/errors";
import { Type } from "typebox";
import { Value } from "typebox/value";
import type { Kubectl } from "./kubectl.ts";

const schema = Type.Object({
  items: Type.Array(
    Type.Object({
      metadata: Type.Object({ name: Type.String() }),
      status: Type.Object({
        conditions: Type.Optional(Type.Array(Type.Object({ type: Type.String(), status: Type.String() }))),
      }),
    }),
  ),
});

/** The names of the nodes whose condition Ready is True. */
export async function readyNodes(kubectl: Kubectl): Promise<string[]> {
  const list = await kubectl.json(["get", "nodes"]);
  if (!Value.Check(schema, list))
    throw new CodedError("kubectl_failed", "kubectl get nodes answered with no list of nodes");
  return list.items
    .filter((node) => node.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True"))
    .map((node) => node.metadata.name);
}
