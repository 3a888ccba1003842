import { Value } from "typebox/value";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { API_GROUP, API_KIND, API_VERSION } from "../api/chat-cluster.ts";
import { ChatClusterSpec } from "../api/spec/chat-cluster-spec.ts";
import type { Images } from "../resource/images.ts";

/** For unit tests: a ChatCluster as the API server returns it, every default filled in. */
export function sampleCluster(spec: Record<string, unknown> = {}): ChatCluster {
  return {
    apiVersion: `${API_GROUP}/${API_VERSION}`,
    kind: API_KIND,
    metadata: { name: "sample", namespace: "default", uid: "uid-1", generation: 1 },
    spec: Value.Parse(ChatClusterSpec, Value.Default(ChatClusterSpec, structuredClone(spec))),
  };
}

export const sampleImages: Images = {
  chatServer: "chat-server:1",
  ingressAgent: "operator:1",
  redis: "redis:1",
  cassandra: "cassandra:1",
  cassandraAgent: "operator:1",
  haproxy: "haproxy:1",
};
