import { Type } from "typebox";

/** As an Ingress and an HTTPRoute have it: lower case, `*.` before it for all names one label longer. */
const HOST_PATTERN = "^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/** An HTTPRoute takes no more hosts. */
const MOST_HOSTS = 16;

/** Host names by which clients come; all where there is none. */
export function Hosts(description: string) {
  const Host = Type.String({
    minLength: 1,
    maxLength: 253,
    pattern: HOST_PATTERN,
    description: "A host name such as chat.example.com, or *.example.com.",
  });
  return Type.Array(Host, { default: [], maxItems: MOST_HOSTS, description });
}

/** Annotations of an object that a controller of somebody else's reads. */
export function Annotations(description: string) {
  return Type.Record(Type.String(), Type.String({ maxLength: 16_384, description: "The annotation's value." }), {
    default: {},
    maxProperties: 64,
    description,
  });
}
