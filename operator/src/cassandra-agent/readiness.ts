import type { NodeView } from "./node-view.ts";

/**
 * Why the node is not "up and normal" (UN), or undefined when it is: by its own word, and by that of every node that it sees up and that
 * answered. A node that sees nobody is believed: after an outage the first one has to be ready before the next is started.
 *
 * @param peers how other nodes that this one sees up, see the ring
 */
export function notUpAndNormal(own: NodeView, peers: readonly NodeView[]): string | undefined {
  if (own.mode !== "NORMAL") return `its mode is ${own.mode}`;
  if (!own.gossip) return "it does not gossip";
  if (!own.nativeTransport) return "it takes no CQL clients yet";
  const self = own.ring.find(({ hostId }) => hostId === own.hostId);
  if (!self) return "it has no place in its own ring";
  for (const peer of peers) {
    const seen = peer.ring.find(({ hostId }) => hostId === own.hostId);
    if (!seen) return `node ${peer.hostId} does not know it`;
    if (seen.endpoint !== self.endpoint) return `node ${peer.hostId} knows it at its old address ${seen.endpoint}`;
    if (!seen.up) return `node ${peer.hostId} sees it down`;
    if (seen.state !== "normal") return `node ${peer.hostId} sees it ${seen.state}`;
  }
  return undefined;
}

/** Addresses of other nodes that this one sees up and that have joined, at most `count` of them. */
export function peersToAsk(own: NodeView, count: number): string[] {
  return own.ring
    .filter(({ hostId, up, state }) => hostId !== own.hostId && up && state !== "joining")
    .slice(0, count)
    .map(({ endpoint }) => endpoint.replace(/:\d+$/, "").replace(/^\//, ""));
}
