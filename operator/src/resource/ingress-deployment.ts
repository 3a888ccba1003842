import { basename } from "node:path";
import { k8s } from "cdk8s-plus-28";
import type { Construct } from "constructs";
import type { ChatCluster } from "../api/chat-cluster.ts";
import {
  HAPROXY_CERTIFICATE,
  HAPROXY_HTTP_PORT,
  HAPROXY_HTTPS_PORT,
  HAPROXY_METRICS_PORT,
  HAPROXY_RUN_DIRECTORY,
  HAPROXY_TLS_DIRECTORY,
  HAPROXY_USER,
  INGRESS_AGENT_PORT,
} from "../ingress/ports.ts";
import { CONFIG_HASH_ANNOTATION, configHash } from "./config-hash.ts";
import { containerResources } from "./container-resources.ts";
import { pullSecrets } from "./image-pull.ts";
import type { Images } from "./images.ts";
import { haproxyConfig } from "./ingress-config.ts";
import { childName, labels, selectorLabels, tlsSecretName } from "./names.ts";
import { containerSecurityContext, podSecurityContext } from "./pod-security.ts";
import { surgeBy } from "./rollout.ts";
import { spread } from "./scheduling.ts";
import { scrapeAnnotations } from "./scrape-annotations.ts";

const AGENT_USER = 10001;
const TLS_VOLUME = "tls";
const TOKEN_VOLUME = "service-account-token";
/** Seconds beyond the drain for HAProxy's own end. */
const EXIT_MARGIN_SECONDS = 15;
/** Seconds until every node's kube-proxy has dropped a terminating pod. */
const DEREGISTER_SECONDS = 2;

/** `NAME-ingress`: HAProxy, and beside it the agent that keeps its servers through the runtime socket. */
export function ingressDeployment(scope: Construct, cluster: ChatCluster, images: Images): void {
  const { ingress, servers } = cluster.spec;
  const name = childName(cluster, "ingress");
  const selector = selectorLabels(cluster, "ingress");
  new k8s.KubeDeployment(scope, "ingress-deployment", {
    metadata: { name, labels: labels(cluster, "ingress") },
    spec: {
      replicas: ingress.replicas,
      ...surgeBy(1),
      selector: { matchLabels: selector },
      template: {
        metadata: {
          labels: labels(cluster, "ingress"),
          annotations: {
            [CONFIG_HASH_ANNOTATION]: configHash(haproxyConfig(cluster)),
            ...scrapeAnnotations(cluster, HAPROXY_METRICS_PORT),
          },
        },
        spec: {
          ...pullSecrets(cluster),
          serviceAccountName: name,
          // Only the agent gets a token, by a volume of its own.
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: servers.drainSeconds + EXIT_MARGIN_SECONDS,
          // The group is what lets the agent open HAProxy's socket.
          securityContext: podSecurityContext(HAPROXY_USER),
          topologySpreadConstraints: spread(selector),
          containers: [haproxyContainer(cluster, images), agentContainer(cluster, images)],
          volumes: [
            { name: "config", configMap: { name } },
            { name: "run", emptyDir: { medium: "Memory", sizeLimit: k8s.Quantity.fromString("16Mi") } },
            tokenVolume(),
            ...tlsVolumes(cluster),
          ],
        },
      },
    },
  });
}

function haproxyContainer(cluster: ChatCluster, images: Images): k8s.Container {
  return {
    name: "haproxy",
    image: images.haproxy,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
    ports: [
      cluster.spec.ingress.tls
        ? { name: "https", containerPort: HAPROXY_HTTPS_PORT, protocol: "TCP" }
        : { name: "http", containerPort: HAPROXY_HTTP_PORT, protocol: "TCP" },
      { name: "metrics", containerPort: HAPROXY_METRICS_PORT, protocol: "TCP" },
    ],
    resources: containerResources(cluster.spec.ingress.resources),
    securityContext: containerSecurityContext,
    lifecycle: { preStop: { exec: { command: ["sh", "-c", softStop(cluster)] } } },
    startupProbe: { httpGet: get("/healthz", "metrics"), periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 },
    livenessProbe: { httpGet: get("/healthz", "metrics"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    readinessProbe: { httpGet: get("/healthz", "metrics"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
    volumeMounts: [
      { name: "config", mountPath: "/usr/local/etc/haproxy", readOnly: true },
      { name: "run", mountPath: HAPROXY_RUN_DIRECTORY },
      ...tlsMounts(cluster),
    ],
  };
}

/**
 * SIGTERM would cut every connection; SIGUSR1 lets them end. First the time in which nodes stop sending new ones here. When HAProxy has ended,
 * so has the container, and the last wait with it. https://docs.haproxy.org/2.6/management.html (Stopping and restarting HAProxy)
 */
function softStop(cluster: ChatCluster): string {
  return `sleep ${DEREGISTER_SECONDS}; kill -USR1 1; sleep ${cluster.spec.servers.drainSeconds}`;
}

function agentContainer(cluster: ChatCluster, images: Images): k8s.Container {
  return {
    name: "agent",
    image: images.ingressAgent,
    imagePullPolicy: cluster.spec.images.pullPolicy,
    command: ["node", "/app/ingress-agent.mjs"],
    ports: [{ name: "agent", containerPort: INGRESS_AGENT_PORT, protocol: "TCP" }],
    env: [
      { name: "AGENT_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "AGENT_SERVICE", value: childName(cluster, "chat") },
      // A server that has gone keeps its sessions for as long as its drain may last.
      { name: "AGENT_RETIRE_SECONDS", value: String(cluster.spec.servers.drainSeconds) },
      ...(cluster.spec.ingress.tls ? [{ name: "AGENT_CERTIFICATE", value: HAPROXY_CERTIFICATE }] : []),
    ],
    resources: {
      requests: { cpu: k8s.Quantity.fromString("10m"), memory: k8s.Quantity.fromString("64Mi") },
      limits: { memory: k8s.Quantity.fromString("192Mi") },
    },
    securityContext: { ...containerSecurityContext, runAsUser: AGENT_USER },
    startupProbe: { httpGet: get("/healthz", "agent"), periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 120 },
    livenessProbe: { httpGet: get("/healthz", "agent"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    readinessProbe: { httpGet: get("/readyz", "agent"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
    volumeMounts: [
      { name: "run", mountPath: HAPROXY_RUN_DIRECTORY },
      ...tlsMounts(cluster),
      { name: TOKEN_VOLUME, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true },
    ],
  };
}

/** The certificate under the names by which HAProxy finds its key. A whole folder: the kubelet renews that when the Secret changes. */
function tlsVolumes(cluster: ChatCluster): k8s.Volume[] {
  if (!cluster.spec.ingress.tls) return [];
  const items = [
    { key: "tls.crt", path: basename(HAPROXY_CERTIFICATE) },
    { key: "tls.key", path: `${basename(HAPROXY_CERTIFICATE)}.key` },
  ];
  return [{ name: TLS_VOLUME, secret: { secretName: tlsSecretName(cluster), items } }];
}

function tlsMounts({ spec }: ChatCluster): k8s.VolumeMount[] {
  return spec.ingress.tls ? [{ name: TLS_VOLUME, mountPath: HAPROXY_TLS_DIRECTORY, readOnly: true }] : [];
}

/** What Kubernetes mounts into every container of a pod, for one. https://kubernetes.io/docs/concepts/storage/projected-volumes/ */
function tokenVolume(): k8s.Volume {
  return {
    name: TOKEN_VOLUME,
    projected: {
      sources: [
        { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardApi: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
      ],
    },
  };
}

function get(path: string, port: string): k8s.HttpGetAction {
  return { path, port: k8s.IntOrString.fromString(port) };
}
