import { k8s } from "cdk8s-plus-28";

/** How a Deployment rolls: a new pod is ready before an old one goes, so that capacity never falls. */
export const SURGE_BY_ONE = {
  revisionHistoryLimit: 3,
  progressDeadlineSeconds: 300,
  strategy: {
    type: "RollingUpdate",
    rollingUpdate: { maxSurge: k8s.IntOrString.fromNumber(1), maxUnavailable: k8s.IntOrString.fromNumber(0) },
  },
} satisfies Partial<k8s.DeploymentSpec>;
