import type { ChatCluster } from "../api/chat-cluster.ts";

/** The image of each container. */
export interface Images {
  readonly chatServer: string;
  readonly ingressAgent: string;
  readonly redis: string;
  readonly cassandra: string;
  readonly cassandraAgent: string;
  readonly haproxy: string;
}

/** The images that the spec names, and the operator's defaults for the rest. */
export function resolveImages(cluster: ChatCluster, defaults: Images): Images {
  const { images } = cluster.spec;
  return {
    chatServer: images.chatServer ?? defaults.chatServer,
    ingressAgent: images.ingressAgent ?? defaults.ingressAgent,
    redis: images.redis ?? defaults.redis,
    cassandra: images.cassandra ?? defaults.cassandra,
    cassandraAgent: images.cassandraAgent ?? defaults.cassandraAgent,
    haproxy: images.haproxy ?? defaults.haproxy,
  };
}
