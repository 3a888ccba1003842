import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { generatedSecret } from "./generated-secret.ts";
import { secretNames } from "./names.ts";
import { render } from "./render.ts";

/** Label of a Secret that stays with the volumes when its ChatCluster is deleted, for the next one of the name to take up. */
export const RETAINED_LABEL = "chatcluster.dev/retained";

/** Whether a Secret is needed to log in to what the kept volumes hold. Redis has its password from its configuration, not from its data. */
function isRetained(cluster: ChatCluster, name: string): boolean {
  const { cassandra, cassandraAdmin } = secretNames(cluster);
  return cluster.spec.retention.volumes === "Keep" && (name === cassandra || name === cassandraAdmin);
}

/** The Secrets with the given texts, by name and key. */
export function secretObjects(
  cluster: ChatCluster,
  texts: Readonly<Record<string, Readonly<Record<string, string>>>>,
): KubernetesObject[] {
  return render(cluster, (scope) => {
    for (const [name, byKey] of Object.entries(texts)) {
      generatedSecret(scope, cluster, name, byKey, isRetained(cluster, name) ? { [RETAINED_LABEL]: "true" } : {});
    }
  });
}
