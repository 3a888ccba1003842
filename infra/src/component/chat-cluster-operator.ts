import { join } from "node:path";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { CHARTS } from "../config/spec-schema.ts";

export interface ChatClusterOperatorArgs {
  /** Namespace in which the operator runs. */
  readonly namespace: string;
  /** Make that namespace, and remove it on destroy. */
  readonly createNamespace: boolean;
  /**
   * Leave the CustomResourceDefinition behind on destroy. Deleting it deletes every ChatCluster of the Kubernetes cluster, also those
   * that no stack knows.
   */
  readonly keepCrds: boolean;
  /** Values of the chart charts/chatcluster-operator, whose schema checks them. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * The operator with its CustomResourceDefinition and its RBAC, from the same Helm chart that `helm install` uses. The provider renders
 * the chart, so neither the Helm program nor a release in the cluster is needed, and each object is a resource of the stack.
 */
export class ChatClusterOperator extends pulumi.ComponentResource {
  readonly namespace: pulumi.Output<string>;
  /** Everything that a ChatCluster needs before it is made; to be given as its `dependsOn`. */
  readonly ready: pulumi.Output<pulumi.Resource[]>;

  constructor(name: string, args: ChatClusterOperatorArgs, options?: pulumi.ComponentResourceOptions) {
    super("chatcluster:index:ChatClusterOperator", name, {}, options);
    const namespace = args.createNamespace ? operatorNamespace(args.namespace, this) : undefined;
    this.namespace = namespace ? namespace.metadata.name : pulumi.output(args.namespace);
    const chart = new kubernetes.helm.v3.Chart(
      name,
      {
        path: join(CHARTS, "chatcluster-operator"),
        // The name as it stands, not the namespace's output: in a first preview that is unknown, and nothing could be rendered.
        namespace: args.namespace,
        values: { ...args.values, crds: { install: true, ...crdValues(args.values), keep: args.keepCrds } },
        transformations: [
          (object: { kind?: string }, resource: pulumi.CustomResourceOptions) => {
            if (namespace) resource.dependsOn = namespace;
            if (object.kind === "CustomResourceDefinition") resource.retainOnDelete = args.keepCrds;
          },
        ],
      },
      { parent: this },
    );
    this.ready = chart.ready;
    this.registerOutputs({ namespace: this.namespace });
  }
}

function crdValues(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return typeof values.crds === "object" && values.crds !== null ? { ...values.crds } : {};
}

function operatorNamespace(name: string, parent: pulumi.Resource): kubernetes.core.v1.Namespace {
  return new kubernetes.core.v1.Namespace(
    name,
    { metadata: { name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } } },
    { parent },
  );
}
