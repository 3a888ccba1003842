import type { k8s } from "cdk8s-plus-28";

/**
 * What the level "restricted" asks of a pod, and a little more (a read-only root).
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
 *
 * @param user the numeric user of the image
 * @param group the group that owns the pod's volumes
 */
export function podSecurityContext(user: number, group = user): k8s.PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: user,
    runAsGroup: group,
    fsGroup: group,
    // Changing the owner of every file of a large volume at each start would take minutes.
    fsGroupChangePolicy: "OnRootMismatch",
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/** The container's part of it. Directories that must be written to are volumes. */
export const containerSecurityContext: k8s.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};
