import { type Static, Type } from "typebox";
import { Annotations, Hosts } from "./hosts.ts";

/** The Ingress (networking.k8s.io/v1) of mode `Ingress`. */
export const IngressObjectSpec = Type.Object(
  {
    className: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description: "IngressClass whose controller serves it; the cluster's default class when left out.",
      }),
    ),
    hosts: Hosts("Host names by which clients come; every one when empty."),
    tls: Type.Optional(
      Type.Object(
        {
          secretName: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 253,
              description:
                "Secret of the same namespace and of type kubernetes.io/tls, as cert-manager writes it; the controller's own certificate when left out.",
            }),
          ),
        },
        { description: "TLS at the Ingress' controller, for all hosts." },
      ),
    ),
    annotations: Annotations(
      "Annotations of the Ingress, by which its controller is told to hash by user and to keep silent connections open: docs/ingress.md has those of " +
        "known controllers.",
    ),
  },
  { description: "The Ingress of mode `Ingress`." },
);

export type IngressObjectSpec = Static<typeof IngressObjectSpec>;
