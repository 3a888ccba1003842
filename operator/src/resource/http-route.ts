import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import type { GatewaySpec } from "../api/spec/gateway.ts";
import { HttpRoute } from "../runtime/scheme.ts";
import { CHAT_PORT, childName, labels } from "./names.ts";

/** `NAME-ingress`, an HTTPRoute: every path of the host names leads to the chat servers. */
export function httpRoute(scope: Construct, cluster: ChatCluster, spec: GatewaySpec): void {
  const { parentRefs, hostnames, timeouts, annotations } = spec;
  const rule = {
    matches: [{ path: { type: "PathPrefix", value: "/" } }],
    backendRefs: [{ name: childName(cluster, "chat"), port: CHAT_PORT }],
    ...(Object.keys(timeouts).length > 0 && { timeouts }),
  };
  new ApiObject(scope, "http-route", {
    apiVersion: HttpRoute.apiVersion,
    kind: HttpRoute.kind,
    metadata: { name: childName(cluster, "ingress"), labels: labels(cluster, "ingress"), annotations },
    spec: { parentRefs, ...(hostnames.length > 0 && { hostnames }), rules: [rule] },
  });
}
