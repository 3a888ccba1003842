import { CodedError } from "@chatcluster/foundation/errors";
import { Value } from "typebox/value";
import type { KubernetesObject, ObjectMeta } from "../runtime/object.ts";
import { ChatClusterSpec } from "./spec/chat-cluster-spec.ts";
import type { ChatClusterStatus } from "./status.ts";

export const API_GROUP = "chatcluster.dev";
export const API_VERSION = "v1beta1";
export const API_KIND = "ChatCluster";
export const API_PLURAL = "chatclusters";

/** A chat backend, with every default filled in. */
export interface ChatCluster extends KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta & { name: string; namespace: string; uid: string; generation: number };
  spec: ChatClusterSpec;
  status?: ChatClusterStatus;
}

/**
 * Reads a ChatCluster as the API server returned it. Defaults that came with a newer schema than the object was stored under are filled in.
 *
 * @throws CodedError `invalid_chat_cluster`, naming the first field that does not fit: only an object that was stored under an older,
 * looser schema can have one, since the API server refuses the rest.
 */
export function parseChatCluster(object: KubernetesObject & { spec?: unknown; status?: unknown }): ChatCluster {
  const spec: unknown = Value.Default(ChatClusterSpec, structuredClone(object.spec ?? {}));
  const { name, namespace, uid, generation } = object.metadata;
  if (!Value.Check(ChatClusterSpec, spec)) {
    const [first] = Value.Errors(ChatClusterSpec, spec);
    const field = `spec${(first?.instancePath ?? "").replaceAll("/", ".")}`;
    throw new CodedError("invalid_chat_cluster", `ChatCluster ${namespace}/${name}: ${field} ${first?.message}`);
  }
  if (!name || !namespace || !uid || generation === undefined)
    throw new CodedError("invalid_chat_cluster", "a ChatCluster came without name, namespace, uid or generation");
  return { ...object, spec, metadata: { ...object.metadata, name, namespace, uid, generation } } as ChatCluster;
}
