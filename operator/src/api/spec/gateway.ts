import { type Static, Type } from "typebox";
import { Annotations, Hosts } from "./hosts.ts";

/** A duration of the Gateway API (GEP-2257). */
function Duration(description: string) {
  return Type.Optional(Type.String({ pattern: "^([0-9]{1,5}(h|m|s|ms)){1,4}$", maxLength: 32, description }));
}

/** A Gateway to which the HTTPRoute belongs: https://gateway-api.sigs.k8s.io/reference/spec/#parentreference */
const ParentRef = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 253, description: "Name of the Gateway." }),
    namespace: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 63,
        pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description:
          "Namespace of the Gateway, whose listeners have to allow routes of this one; the ChatCluster's when left out.",
      }),
    ),
    sectionName: Type.Optional(
      Type.String({ minLength: 1, maxLength: 253, description: "Name of a listener; all that fit when left out." }),
    ),
    port: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 65535, description: "Port of listeners; any when left out." }),
    ),
  },
  { description: "A Gateway." },
);
export type ParentRef = Static<typeof ParentRef>;

/** The HTTPRoute (gateway.networking.k8s.io/v1) of mode `Gateway`. */
export const GatewaySpec = Type.Object(
  {
    parentRefs: Type.Array(ParentRef, {
      minItems: 1,
      maxItems: 32,
      description: "The Gateways through which clients come. Each must accept the route before IngressReady is True.",
    }),
    hostnames: Hosts("Host names by which clients come; those of the listeners when empty."),
    timeouts: Type.Object(
      {
        request: Duration(
          "The longest that a request may take, from its beginning to the end of its answer. 0s is no bound.",
        ),
        backendRequest: Duration("The same from the Gateway to a chat server."),
      },
      {
        default: { request: "0s" },
        description:
          "Bounds of the route's requests. Long polls and event streams are requests that last, hence none by default; `{}` leaves out the field, for " +
          "a controller that does not take it.",
      },
    ),
    annotations: Annotations("Annotations of the HTTPRoute."),
  },
  { description: "The HTTPRoute of mode `Gateway`. Its kind comes with the Gateway API, 1.0 or newer." },
);

export type GatewaySpec = Static<typeof GatewaySpec>;
