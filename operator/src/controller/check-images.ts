import type { ChatCluster } from "../api/chat-cluster.ts";
import { resolveImages } from "../resource/images.ts";
import type { ConcernContext, Problem } from "./dependencies.ts";

/** Names the first image for which neither the spec nor the operator says what it is. */
export function checkImages({ defaultImages }: ConcernContext, cluster: ChatCluster): Problem | undefined {
  const missing = Object.entries(resolveImages(cluster, defaultImages)).find(([, image]) => image === "");
  if (!missing) return undefined;
  return {
    reason: "ImageMissing",
    message: `spec.images.${missing[0]} is not set and the operator was given no default for it`,
  };
}
