import { Type } from "typebox";

/** Fields that may be laid over the pod template of a component; the API server keeps them as they are. */
export type PodTemplateOverlay = {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: Record<string, unknown>;
};

/** @param pods whose template it is, such as "each Redis" */
export function PodTemplate(pods: string) {
  return Type.Optional(
    Type.Unsafe<PodTemplateOverlay>({
      type: "object",
      description:
        `Laid over the pod template of ${pods} (metadata.labels, metadata.annotations, spec), for what the spec has no field for: tolerations, ` +
        "nodeSelector, affinity, sidecars. Maps are merged; lists of named things are merged by name; other lists replace. What the operator needs " +
        "of its own stays: labels that select, images, commands, ports, mounts, volumes, and what the restricted Pod Security level asks for.",
      "x-kubernetes-preserve-unknown-fields": true,
    }),
  );
}
