import type * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config/stack-config.ts";
import { localCluster } from "./local.ts";

/** The way to a Kubernetes cluster: all that a cloud or a machine has to yield for the rest of a stack to be the same. */
export interface ClusterAccess {
  /** Contents of a kubeconfig; a secret. */
  readonly kubeconfig: pulumi.Output<string>;
  /** Context to use of it; its current one when left out. */
  readonly context?: string;
}

/** The cluster that `config.provider` names. A further provider is a further case here and a file beside this one. */
export function clusterAccess(config: StackConfig): ClusterAccess {
  switch (config.provider) {
    case "local":
      return localCluster(config);
  }
}
