import type { ChatCluster } from "../api/chat-cluster.ts";
import { childName } from "../resource/names.ts";
import { DATA_VOLUME } from "../resource/volume-claim.ts";
import { type KubernetesObject, PersistentVolumeClaim } from "../runtime/index.ts";
import type { ConcernContext } from "./dependencies.ts";

/** The volume claim of a Cassandra node, by its pod's number. It outlives the pod, and what is noted on it is true as long as the data is there. */
export function claimOfNode(
  { informers }: Pick<ConcernContext, "informers">,
  cluster: ChatCluster,
  ordinal: number,
): KubernetesObject | undefined {
  const name = `${DATA_VOLUME}-${childName(cluster, "cassandra")}-${ordinal}`;
  return informers.volumeClaims.get(`${cluster.metadata.namespace}/${name}`);
}

/** Writes annotations on a claim; null takes one off. */
export async function annotateClaim(
  { client, informers }: ConcernContext,
  claim: KubernetesObject,
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  const { uid, name, namespace = "" } = claim.metadata;
  // With the uid, a claim of that name that has come since is not marked.
  const metadata = { uid, annotations };
  informers.volumeClaims.observe(await client.mergePatch(PersistentVolumeClaim, { namespace, name }, { metadata }));
}
