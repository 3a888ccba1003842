import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { clusterAccess } from "./cluster/access.ts";
import { ChatCluster, type ChatClusterSpecArgs } from "./component/chat-cluster.ts";
import { ChatClusterOperator } from "./component/chat-cluster-operator.ts";
import type { StackConfig } from "./config/stack-config.ts";

/** The outputs of every stack, whichever its provider. */
export interface StackOutputs {
  readonly provider: string;
  readonly namespace: pulumi.Output<string>;
  readonly operatorNamespace: pulumi.Output<string>;
  /** Where clients connect, as `ws://host:port/chat`. */
  readonly ingressAddress: pulumi.Output<string>;
  /** A secret: `pulumi stack output kubeconfig --show-secrets`. */
  readonly kubeconfig: pulumi.Output<string>;
}

/** A stack: a thing that yields a kubeconfig, and on it the operator and a ChatCluster. */
export function createStack(config: StackConfig): StackOutputs {
  const access = clusterAccess(config);
  const provider = new kubernetes.Provider("cluster", {
    kubeconfig: access.kubeconfig,
    ...(access.context !== undefined && { context: access.context }),
    enableServerSideApply: true,
  });
  const operator = new ChatClusterOperator("chatcluster-operator", config.operator, {
    providers: { kubernetes: provider },
  });
  const chatCluster = new ChatCluster(
    config.chatCluster.name,
    // Checked against the schema of the same spec by readStackConfig.
    {
      ...config.chatCluster,
      spec: config.chatCluster.spec as ChatClusterSpecArgs,
      publicAddress: config.publicAddress,
    },
    { providers: { kubernetes: provider }, dependsOn: operator.ready },
  );
  return {
    provider: config.provider,
    namespace: chatCluster.namespace,
    operatorNamespace: operator.namespace,
    ingressAddress: chatCluster.ingressAddress,
    kubeconfig: access.kubeconfig,
  };
}
