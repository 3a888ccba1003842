import type { ChatCluster } from "../api/chat-cluster.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import { generatedSecret } from "./generated-secret.ts";
import { render } from "./render.ts";

/** The Secrets with the given texts, by name and key. */
export function secretObjects(
  cluster: ChatCluster,
  texts: Readonly<Record<string, Readonly<Record<string, string>>>>,
): KubernetesObject[] {
  return render(cluster, (scope) => {
    for (const [name, byKey] of Object.entries(texts)) generatedSecret(scope, cluster, name, byKey);
  });
}
