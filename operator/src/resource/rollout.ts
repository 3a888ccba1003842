import { k8s } from "cdk8s-plus-28";

/** How a Deployment rolls: `pods` new ones are ready before as many old ones go, so that capacity never falls. */
export const surgeBy = (pods: number) =>
  ({
    revisionHistoryLimit: 3,
    progressDeadlineSeconds: 300,
    strategy: {
      type: "RollingUpdate",
      rollingUpdate: { maxSurge: k8s.IntOrString.fromNumber(pods), maxUnavailable: k8s.IntOrString.fromNumber(0) },
    },
  }) satisfies Partial<k8s.DeploymentSpec>;
