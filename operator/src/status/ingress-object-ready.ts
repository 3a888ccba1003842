import type { DesiredCondition, KubernetesObject } from "../runtime/index.ts";

interface IngressStatus {
  readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] | null };
}

/** What an Ingress says of itself: its controller, if there is one, writes the addresses at which it serves it, and nothing else. */
export function ingressObjectReady(ingress: KubernetesObject | undefined): Omit<DesiredCondition, "type"> {
  if (!ingress) return { status: "False", reason: "Starting", message: "the Ingress is not there yet" };
  const { name } = ingress.metadata;
  const { loadBalancer } = (ingress.status ?? {}) as IngressStatus;
  const addresses = (loadBalancer?.ingress ?? []).map(({ ip, hostname }) => hostname ?? ip).filter(Boolean);
  if (addresses.length > 0)
    return {
      status: "True",
      reason: "AddressAssigned",
      message: `Ingress ${name} is served at ${addresses.join(", ")}`,
    };
  const message = `no Ingress controller has said at which address it serves Ingress ${name}`;
  return { status: "Unknown", reason: "AddressPending", message };
}
