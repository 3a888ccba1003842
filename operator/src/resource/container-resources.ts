import { k8s } from "cdk8s-plus-28";
import type { Resources } from "../api/spec/quantity.ts";

/** `resources` of the spec as a container has them. */
export function containerResources({ requests, limits }: Resources): k8s.ResourceRequirements {
  return { ...(requests && { requests: amounts(requests) }), ...(limits && { limits: amounts(limits) }) };
}

function amounts(byName: Record<string, string | number>): Record<string, k8s.Quantity> {
  return Object.fromEntries(
    Object.entries(byName).map(([name, amount]) => [name, k8s.Quantity.fromString(String(amount))]),
  );
}
