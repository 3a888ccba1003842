import { CodedError } from "@chatcluster/foundation/errors";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import type { Jolokia } from "./jolokia.ts";
import { STORAGE_LOAD, STORAGE_SERVICE, STORAGE_SERVICE_ATTRIBUTES } from "./policy.ts";

/** How far a node is, as `nodetool status` has it in its second letter: N, J, L, M. */
const RingState = Type.Union([
  Type.Literal("normal"),
  Type.Literal("joining"),
  Type.Literal("leaving"),
  Type.Literal("moving"),
]);

/** One node as another sees it. */
export const RingMember = Type.Object({
  hostId: Type.String(),
  /** `address:port` of its storage port. */
  endpoint: Type.String(),
  up: Type.Boolean(),
  state: RingState,
});
export type RingMember = Static<typeof RingMember>;

/** How a node sees itself and the ring; the body of `GET /node`. */
export const NodeView = Type.Object({
  hostId: Type.String(),
  /** The StorageService's operation mode: STARTING, NORMAL, JOINING, LEAVING, DECOMMISSIONED, DRAINED, … */
  mode: Type.String(),
  gossip: Type.Boolean(),
  /** Whether it takes CQL clients. */
  nativeTransport: Type.Boolean(),
  /** Every node of the ring that it knows, itself among them. */
  ring: Type.Array(RingMember),
  /** Bytes of data on disk. */
  loadBytes: Type.Number(),
  disk: Type.Object({ totalBytes: Type.Number(), freeBytes: Type.Number() }),
  /** Why the last decommission that was asked for failed. */
  decommissionError: Type.Optional(Type.String()),
});
export type NodeView = Static<typeof NodeView>;

const StorageService = Type.Object({
  GossipRunning: Type.Boolean(),
  HostIdToEndpointWithPort: Type.Record(Type.String(), Type.String()),
  JoiningNodesWithPort: Type.Array(Type.String()),
  LeavingNodesWithPort: Type.Array(Type.String()),
  LiveNodesWithPort: Type.Array(Type.String()),
  LocalHostId: Type.Union([Type.String(), Type.Null()]),
  MovingNodesWithPort: Type.Array(Type.String()),
  NativeTransportRunning: Type.Boolean(),
  OperationMode: Type.String(),
});
const Load = Type.Object({ Count: Type.Number() });

/** Reads the node's state from its JVM. @throws CodedError `cassandra_jvm_unreachable`, `cassandra_refused` */
export async function readNode(jolokia: Jolokia, signal: AbortSignal): Promise<Omit<NodeView, "disk">> {
  const [service, load] = await jolokia.read(
    [
      { mbean: STORAGE_SERVICE, attributes: STORAGE_SERVICE_ATTRIBUTES },
      { mbean: STORAGE_LOAD, attributes: ["Count"] },
    ],
    signal,
  );
  if (!Value.Check(StorageService, service) || !Value.Check(Load, load))
    throw new CodedError("cassandra_refused", "Cassandra's MBeans are not those of version 5.0");
  const live = new Set(service.LiveNodesWithPort);
  const ring = Object.entries(service.HostIdToEndpointWithPort).map(([hostId, endpoint]) => ({
    hostId,
    endpoint,
    up: live.has(endpoint),
    state: stateOf(service, endpoint),
  }));
  return {
    hostId: service.LocalHostId ?? "",
    mode: service.OperationMode,
    gossip: service.GossipRunning,
    nativeTransport: service.NativeTransportRunning,
    ring: ring.sort((a, b) => (a.hostId < b.hostId ? -1 : 1)),
    loadBytes: load.Count,
  };
}

function stateOf(service: Static<typeof StorageService>, endpoint: string): RingMember["state"] {
  if (service.JoiningNodesWithPort.includes(endpoint)) return "joining";
  if (service.LeavingNodesWithPort.includes(endpoint)) return "leaving";
  if (service.MovingNodesWithPort.includes(endpoint)) return "moving";
  return "normal";
}
