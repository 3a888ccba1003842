import * as pulumi from "@pulumi/pulumi";
import { readStackConfig } from "./src/config/stack-config.ts";
import { createStack } from "./src/stack.ts";

/** What `pulumi up` runs; the names are the stack's outputs. */
export const { provider, namespace, operatorNamespace, ingressAddress, kubeconfig } = createStack(
  readStackConfig(pulumi.runtime.allConfig(), pulumi.getProject(), process.env),
);
