import type { DesiredCondition } from "../runtime/index.ts";

/** `Ready`: every component does its work, so people can chat. The first component that does not gives the reason. */
export function ready(components: readonly DesiredCondition[]): DesiredCondition {
  const missing = components.find(({ status }) => status !== "True");
  if (!missing) return { type: "Ready", status: "True", reason: "AllComponentsReady", message: "chat is up" };
  const reason = missing.type.replace(/Ready$/, "NotReady");
  return { type: "Ready", status: "False", reason, message: `${missing.type}: ${missing.message}` };
}
