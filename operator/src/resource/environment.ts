import type { k8s } from "cdk8s-plus-28";

/** A variable with a value that anybody may see. */
export function text(name: string, value: string | number): k8s.EnvVar {
  return { name, value: String(value) };
}

/** A variable from a Secret; with `optional` there is none where the key is not. */
export function secret(name: string, secretName: string, key: string, optional = false): k8s.EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secretName, key, ...(optional && { optional }) } } };
}
