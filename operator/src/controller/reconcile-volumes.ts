import { messageOf } from "@chatcluster/foundation/errors";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { quantityValue } from "../api/spec/quantity.ts";
import { type Component, childName, selectorLabels } from "../resource/names.ts";
import { DATA_VOLUME } from "../resource/volume-claim.ts";
import { type KubernetesObject, keyOf, PersistentVolumeClaim, StatefulSet } from "../runtime/index.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";
import { CLUSTER_INDEX, childInformer, type Informers } from "./informers.ts";

type Claim = { metadata?: { name?: string }; spec?: { resources?: { requests?: { storage?: string } } } };

/** Components with a volume for each pod. */
type StoringComponent = "redis" | "cassandra" | "snapshots";

function wantedSize({ spec }: ChatCluster, component: StoringComponent): string {
  // Without snapshots there is no volume whose size would matter.
  if (component === "snapshots") return spec.cassandra.snapshots?.storage.size ?? "0";
  return spec[component].storage.size;
}

/** The size in a StatefulSet's claim template, which stays what it was when it was made, or the spec's where there is none yet. */
export function templateVolumeSize(informers: Informers, cluster: ChatCluster, component: StoringComponent): string {
  const key = `${cluster.metadata.namespace}/${childName(cluster, component)}`;
  const existing = childInformer(informers, StatefulSet).get(key) as
    | (KubernetesObject & { spec: { volumeClaimTemplates?: Claim[] } })
    | undefined;
  const claim = existing?.spec.volumeClaimTemplates?.find(({ metadata }) => metadata?.name === DATA_VOLUME);
  return claim?.spec?.resources?.requests?.storage ?? wantedSize(cluster, component);
}

/**
 * Grows the claims that are smaller than the spec wants. Whether that can be done is up to the StorageClass.
 * https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
 */
export async function reconcileVolumes(
  { client, informers, events }: ConcernContext,
  cluster: ChatCluster,
  component: StoringComponent,
): Promise<Problem | undefined> {
  const size = wantedSize(cluster, component);
  for (const claim of claimsOf(informers, cluster, component)) {
    const { namespace = "", name } = claim.metadata;
    const current = claim.spec?.resources?.requests?.storage;
    if (current === undefined || quantityValue(current) >= quantityValue(size)) continue;
    const patch = { spec: { resources: { requests: { storage: size } } } };
    try {
      await client.mergePatch(PersistentVolumeClaim, { namespace, name }, patch);
    } catch (error) {
      return {
        reason: "VolumeGrowthRefused",
        message: `volume claim ${name} stays at ${current}: ${messageOf(error)}`,
      };
    }
    const note = `Volume claim ${name} grows from ${current} to ${size}`;
    events.record(cluster, { type: "Normal", reason: "VolumeGrown", action: "GrowVolume", note });
  }
  return undefined;
}

function claimsOf(informers: Informers, cluster: ChatCluster, component: Component): (KubernetesObject & Claim)[] {
  const wanted = Object.entries(selectorLabels(cluster, component));
  return (informers.volumeClaims.byIndex(CLUSTER_INDEX, keyOf(cluster)) as (KubernetesObject & Claim)[]).filter(
    ({ metadata }) => wanted.every(([key, value]) => metadata.labels?.[key] === value),
  );
}
