import { readFileSync } from "node:fs";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import * as pulumi from "@pulumi/pulumi";
import type { StackConfig } from "../config/stack-config.ts";
import type { ClusterAccess } from "./access.ts";

/**
 * A cluster that is already there, by its kubeconfig file: that of `npm run up`, kind, or any other.
 *
 * @throws CodedError `kubeconfig_unreadable`, naming the file
 */
export function localCluster(config: Pick<StackConfig, "kubeconfig" | "context">): ClusterAccess {
  let text: string;
  try {
    text = readFileSync(config.kubeconfig, "utf8");
  } catch (error) {
    throw new CodedError(
      "kubeconfig_unreadable",
      `cannot read the kubeconfig ${config.kubeconfig}: ${messageOf(error)}`,
    );
  }
  if (!/^(kind:\s*Config\s*$|\s*"kind":\s*"Config")/m.test(text))
    throw new CodedError("kubeconfig_unreadable", `${config.kubeconfig} is no kubeconfig (kind: Config)`);
  return {
    kubeconfig: pulumi.secret(text),
    ...(config.context !== undefined && { context: config.context }),
  };
}
