import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import type { Kubectl } from "./kubectl.ts";
import type { StepProgress } from "./steps.ts";

const conditionSchema = Type.Object({
  type: Type.String(),
  status: Type.String(),
  lastHeartbeatTime: Type.Optional(Type.String()),
});
const nodeListSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      metadata: Type.Object({ name: Type.String() }),
      status: Type.Object({ conditions: Type.Optional(Type.Array(conditionSchema)) }),
    }),
  ),
});

export type NodeList = Static<typeof nodeListSchema>;

/** Milliseconds, on a machine that may be busy. */
const NODE_START = 90_000;

/**
 * Those of the awaited nodes that are not Ready. A kubelet that has just been started must have said so itself since then: what the one
 * before it said is still there. Heartbeats are in whole seconds.
 *
 * @param awaited each node's name and when its kubelet was started
 */
export function notReady(list: NodeList, awaited: ReadonlyMap<string, Date>): string[] {
  return [...awaited.entries()]
    .filter(([name, since]) => {
      const conditions = list.items.find((node) => node.metadata.name === name)?.status.conditions ?? [];
      const ready = conditions.find((condition) => condition.type === "Ready" && condition.status === "True");
      const heartbeat = new Date(ready?.lastHeartbeatTime ?? 0).getTime();
      return !ready || heartbeat < Math.floor(since.getTime() / 1000) * 1000;
    })
    .map(([name]) => name);
}

/** @throws CodedError `timed_out` with `detail` */
export async function waitForNodes(
  awaited: ReadonlyMap<string, Date>,
  kubectl: Kubectl,
  progress: StepProgress,
  detail: () => string,
): Promise<void> {
  await until(
    async () => {
      const missing = notReady(await listNodes(kubectl), awaited);
      if (missing.length > 0) progress(`waiting for ${missing.join(", ")}`);
      return missing.length === 0;
    },
    `${[...awaited.keys()].join(", ")} Ready`,
    NODE_START,
    { every: 200, detail },
  );
}

export async function listNodes(kubectl: Kubectl): Promise<NodeList> {
  const list = await kubectl.json(["get", "nodes"]);
  if (Value.Check(nodeListSchema, list)) return list;
  throw new CodedError("kubectl_failed", "kubectl get nodes answered with no list of nodes");
}
