import { CodedError } from "@chatcluster/foundation/errors";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { type KubernetesObject, keyOf } from "../runtime/object.ts";

/** The label that names an EndpointSlice's Service. https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ */
export const SERVICE_LABEL = "kubernetes.io/service-name";

/** One chat server, as the EndpointSlices have it. */
export interface Endpoint {
  /** The pod's name; of an endpoint without a pod its address, with dashes. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Takes new connections: ready and not terminating. */
  readonly accepting: boolean;
}

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Optional(Type.Union([schema, Type.Null()]));

const Slice = Type.Object({
  addressType: Type.Union([Type.Literal("IPv4"), Type.Literal("IPv6")]),
  ports: nullable(Type.Array(Type.Object({ name: nullable(Type.String()), port: nullable(Type.Integer()) }))),
  endpoints: nullable(
    Type.Array(
      Type.Object({
        addresses: Type.Array(Type.String({ pattern: "^[0-9a-fA-F.:]+$", maxLength: 45 }), { minItems: 1 }),
        conditions: nullable(Type.Object({ ready: nullable(Type.Boolean()), terminating: nullable(Type.Boolean()) })),
        targetRef: nullable(
          Type.Object({
            kind: nullable(Type.String()),
            name: nullable(Type.String({ pattern: "^[a-z0-9.-]{1,253}$" })),
          }),
        ),
      }),
    ),
  ),
});
type Slice = Static<typeof Slice>;

/**
 * The servers of a Service, sorted by name. While slices are rewritten an endpoint may stand in two of them: it accepts if
 * either says so. A dual-stack pod is one server, by its IPv4 address.
 *
 * @throws CodedError `invalid_endpoint_slice`, which names the slice.
 */
export function endpointsOf(slices: readonly KubernetesObject[], portName: string): Endpoint[] {
  const found = new Map<string, Endpoint>();
  const parsed = slices.map(parse).sort((a, b) => (a.addressType < b.addressType ? -1 : 1));
  for (const slice of parsed) {
    const port = slice.ports?.find(({ name }) => name === portName)?.port;
    if (!port) continue;
    for (const endpoint of slice.endpoints ?? []) merge(found, toEndpoint(endpoint, port));
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function parse(object: KubernetesObject): Slice {
  if (Value.Check(Slice, object)) return object;
  const [first] = Value.Errors(Slice, object);
  throw new CodedError(
    "invalid_endpoint_slice",
    `EndpointSlice ${keyOf(object)}: ${first?.instancePath ?? ""} ${first?.message ?? "is wrong"}`,
  );
}

function toEndpoint(endpoint: NonNullable<Slice["endpoints"]>[number], port: number): Endpoint {
  const [address = ""] = endpoint.addresses;
  const pod = endpoint.targetRef?.kind === "Pod" ? endpoint.targetRef.name : undefined;
  // Unknown readiness counts as ready, as the API's documentation asks of consumers.
  const accepting = endpoint.conditions?.ready !== false && endpoint.conditions?.terminating !== true;
  return { name: pod ?? address.replaceAll(/[.:]/g, "-"), address, port, accepting };
}

function merge(found: Map<string, Endpoint>, endpoint: Endpoint): void {
  const known = found.get(endpoint.name);
  if (!known) found.set(endpoint.name, endpoint);
  else if (known.address === endpoint.address) {
    found.set(endpoint.name, { ...known, accepting: known.accepting || endpoint.accepting });
  } else if (endpoint.accepting && !known.accepting) found.set(endpoint.name, endpoint);
}
