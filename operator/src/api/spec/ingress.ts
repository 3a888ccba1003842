import { type Static, Type } from "typebox";
import { GatewaySpec } from "./gateway.ts";
import { IngressObjectSpec } from "./ingress-object.ts";
import { PodTemplate } from "./pod-template.ts";
import { Resources } from "./quantity.ts";

/** The Service through which clients reach HAProxy. */
export const IngressServiceSpec = Type.Object(
  {
    type: Type.Union([Type.Literal("ClusterIP"), Type.Literal("NodePort"), Type.Literal("LoadBalancer")], {
      default: "ClusterIP",
      description: "Type of the Service in front of HAProxy.",
    }),
    nodePort: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65535,
        description:
          "Port on every node, for type NodePort or LoadBalancer. Kubernetes chooses one when it is left out.",
      }),
    ),
  },
  {
    default: {},
    description: "The Service through which clients reach HAProxy.",
    "x-kubernetes-validations": [
      {
        rule: "!has(self.nodePort) || self.type != 'ClusterIP'",
        message: "spec.ingress.service.nodePort needs spec.ingress.service.type NodePort or LoadBalancer",
      },
    ],
  },
);

/** TLS at HAProxy. */
export const IngressTlsSpec = Type.Object(
  {
    secretName: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description:
          "Secret of the same namespace and of type kubernetes.io/tls, as cert-manager writes it. A renewed certificate is taken up without " +
          "closing a connection.",
      }),
    ),
    ownAuthority: Type.Optional(
      Type.Object(
        {
          hosts: Type.Array(
            Type.String({
              minLength: 1,
              maxLength: 253,
              pattern: "^[A-Za-z0-9*.:-]+$",
              description: "Host name or IP address by which clients reach HAProxy.",
            }),
            { minItems: 1, maxItems: 64, description: "What the certificate is for." },
          ),
        },
        {
          description:
            "The operator makes a certificate authority of this ChatCluster, and a certificate that it renews 30 days before its end. Clients have " +
            "to trust `ca.crt` of Secret NAME-tls: for tests and private networks.",
        },
      ),
    ),
    hstsSeconds: Type.Integer({
      minimum: 0,
      maximum: 63_072_000,
      default: 31_536_000,
      description:
        "How long browsers must insist on TLS (Strict-Transport-Security, RFC 6797). 0 sends no such header.",
    }),
  },
  {
    description: "TLS 1.2 and 1.3 with HTTP/2 on port 443 of the Service, in the place of plain HTTP on 8080.",
    "x-kubernetes-validations": [
      {
        rule: "has(self.secretName) != has(self.ownAuthority)",
        message: "spec.ingress.tls needs either spec.ingress.tls.secretName or spec.ingress.tls.ownAuthority",
      },
    ],
  },
);

/** The clients' way in: HAProxy, which sends each user (or conversation) to the same server by consistent hashing, or one of the cluster's own. */
export const IngressSpec = Type.Object(
  {
    mode: Type.Union(
      [Type.Literal("Managed"), Type.Literal("Ingress"), Type.Literal("Gateway"), Type.Literal("None")],
      {
        default: "Managed",
        description:
          "`Managed` makes HAProxy. `Ingress` and `Gateway` make an Ingress, or an HTTPRoute, that leads to port 8080 of Service NAME-chat, for a " +
          "controller that your cluster has. `None` makes nothing: a load balancer of yours leads there. Whatever it is should send a user to the " +
          "same server each time, and keep connections open that are silent for 75 s (docs/ingress.md).",
      },
    ),
    ingress: Type.Optional(IngressObjectSpec),
    gateway: Type.Optional(GatewaySpec),
    replicas: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 2,
      description: "HAProxy pods. All of them map a user to the same chat server.",
    }),
    hashOn: Type.Union([Type.Literal("user"), Type.Literal("conversation")], {
      default: "user",
      description: "What the consistent hash is taken of: the `user` of the token, or the `conversation` of the URL.",
    }),
    loadFactor: Type.Integer({
      minimum: 0,
      maximum: 65535,
      default: 125,
      description:
        "Bound on the load of one server, in percent of the mean (HAProxy's hash-balance-factor). 0 sets no bound; else more than 100.",
      "x-kubernetes-validations": [
        { rule: "self == 0 || self > 100", message: "spec.ingress.loadFactor must be 0 (no bound) or more than 100" },
      ],
    }),
    service: IngressServiceSpec,
    tls: Type.Optional(IngressTlsSpec),
    connectionRatePerAddress: Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      default: 0,
      description:
        "New connections that one address may open in 10 seconds; past it clients get 429, past four times the rate they are closed. 0 is no " +
        "limit. Needs the clients' own addresses: a LoadBalancer that keeps them, or proxyProtocol.",
    }),
    accessLog: Type.Boolean({
      default: false,
      description: "Whether HAProxy logs a JSON line for each request, without its query, which may hold a token.",
    }),
    proxyProtocol: Type.Boolean({
      default: false,
      description:
        "Whether the load balancer in front of HAProxy tells the clients' addresses by the PROXY protocol. Connections without it are then " +
        "refused, so switch both sides on together.",
    }),
    resources: Resources({
      default: { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "512Mi" } },
      description: "CPU and memory of each HAProxy.",
    }),
    podTemplate: PodTemplate("the HAProxy pods"),
  },
  {
    default: {},
    description:
      "The clients' way in: HAProxy, which sends each user (or conversation) to the same server by consistent hashing, or one that your cluster has.",
    "x-kubernetes-validations": [
      {
        rule: "self.mode == 'Managed' || !has(self.tls)",
        message:
          "spec.ingress.tls needs spec.ingress.mode Managed: it is HAProxy's. An Ingress has spec.ingress.ingress.tls, a Gateway its listeners",
        fieldPath: ".tls",
      },
      ...(["connectionRatePerAddress != 0", "accessLog", "proxyProtocol"] as const).map((isSet) => {
        const [field] = isSet.split(" ");
        return {
          rule: `self.mode == 'Managed' || !(self.${isSet})`,
          message: `spec.ingress.${field} needs spec.ingress.mode Managed: nothing would do it without HAProxy`,
          fieldPath: `.${field}`,
        };
      }),
      {
        rule: "self.mode == 'Managed' || !has(self.podTemplate)",
        message: "spec.ingress.podTemplate needs spec.ingress.mode Managed: without HAProxy there are no pods",
        fieldPath: ".podTemplate",
      },
      {
        rule: "has(self.ingress) == (self.mode == 'Ingress')",
        message: "spec.ingress.ingress and spec.ingress.mode Ingress need each other",
        fieldPath: ".mode",
      },
      {
        rule: "has(self.gateway) == (self.mode == 'Gateway')",
        message: "spec.ingress.gateway and spec.ingress.mode Gateway need each other",
        fieldPath: ".mode",
      },
    ],
  },
);

export type IngressSpec = Static<typeof IngressSpec>;
export type IngressServiceSpec = Static<typeof IngressServiceSpec>;
