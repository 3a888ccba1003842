import type { ChatClusterSpec } from "@chatcluster/operator/api/spec/chat-cluster-spec";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** The fields of a spec, each optional: the API server fills in the defaults. */
type Partially<T> = T extends readonly unknown[] ? T : T extends object ? { [Key in keyof T]?: Partially<T[Key]> } : T;

export type ChatClusterSpecArgs = Partially<ChatClusterSpec>;

export interface ChatClusterArgs {
  /** Name of the ChatCluster, and prefix of all that the operator makes for it. */
  readonly name: string;
  readonly namespace: string;
  /** Make that namespace, and remove it on destroy. */
  readonly createNamespace?: boolean;
  readonly spec: ChatClusterSpecArgs;
  /** Wait until the condition Ready is True; for 15 minutes at most. True when left out. */
  readonly waitUntilReady?: boolean;
  /** `host:port` by which clients reach the ingress, where Kubernetes cannot tell (a NodePort, a DNS name of yours). */
  readonly publicAddress?: string | undefined;
}

/** A ChatCluster. Give it the operator's `ready` as `dependsOn`: it can't be made before, and must be gone before the operator goes. */
export class ChatCluster extends pulumi.ComponentResource {
  readonly namespace: pulumi.Output<string>;
  /** Where clients connect, as `ws://host:port/chat`: the public address, else that of the load balancer, else the one inside the cluster. */
  readonly ingressAddress: pulumi.Output<string>;

  constructor(name: string, args: ChatClusterArgs, options?: pulumi.ComponentResourceOptions) {
    super("chatcluster:index:ChatCluster", name, {}, options);
    const after = options?.dependsOn;
    const namespace = args.createNamespace
      ? new kubernetes.core.v1.Namespace(args.namespace, { metadata: { name: args.namespace } }, { parent: this })
      : undefined;
    const chatCluster = new kubernetes.apiextensions.CustomResource(
      name,
      {
        apiVersion: "chatcluster.dev/v1beta1",
        kind: "ChatCluster",
        metadata: {
          name: args.name,
          namespace: namespace ? namespace.metadata.name : args.namespace,
          // https://github.com/pulumi/pulumi-kubernetes: the provider waits for what this names.
          ...(args.waitUntilReady !== false && { annotations: { "pulumi.com/waitFor": "condition=Ready" } }),
        },
        spec: args.spec,
      },
      {
        parent: this,
        customTimeouts: { create: "15m", update: "15m", delete: "10m" },
        // A component's own dependsOn does not reach its children.
        ...(after !== undefined && { dependsOn: after }),
      },
    );
    this.namespace = chatCluster.metadata.apply((metadata) => metadata?.namespace ?? args.namespace);
    this.ingressAddress = ingressAddress(args, chatCluster, this);
    this.registerOutputs({ namespace: this.namespace, ingressAddress: this.ingressAddress });
  }
}

function ingressAddress(
  args: ChatClusterArgs,
  chatCluster: pulumi.CustomResource,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  // Without HAProxy the chat servers' own Service is where an Ingress, a Gateway or a load balancer of yours leads to.
  const managed = (args.spec.ingress?.mode ?? "Managed") === "Managed";
  const inside = `ws://${args.name}-${managed ? "ingress" : "chat"}.${args.namespace}.svc:8080/chat`;
  if (args.publicAddress !== undefined) return pulumi.output(`ws://${args.publicAddress}/chat`);
  if (!managed || args.spec.ingress?.service?.type !== "LoadBalancer") return pulumi.output(inside);
  // The operator makes the Service, so its id is unknown until the ChatCluster is there.
  const id = chatCluster.id.apply(() => `${args.namespace}/${args.name}-ingress`);
  const service = kubernetes.core.v1.Service.get(`${args.name}-ingress`, id, { parent });
  return service.status.apply((status) => {
    const [first] = status?.loadBalancer?.ingress ?? [];
    const host = first?.hostname ?? first?.ip;
    return host === undefined ? inside : `ws://${host}:8080/chat`;
  });
}
