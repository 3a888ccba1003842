import type { Endpoint } from "./endpoints.ts";
import { assignRingIds, RING_SIZE } from "./ring-id.ts";
import type { AdminState } from "./runtime-api.ts";
import type { HaproxyServer } from "./server-table.ts";

/** One change of HAProxy's servers. */
export type Action =
  | { readonly type: "add"; readonly name: string; readonly endpoint: Endpoint; readonly id: number }
  | { readonly type: "set-state"; readonly name: string; readonly state: AdminState }
  | { readonly type: "enable-health"; readonly name: string }
  | { readonly type: "shutdown-sessions"; readonly name: string }
  | { readonly type: "delete"; readonly name: string };

export interface PlanInput {
  readonly endpoints: readonly Endpoint[];
  readonly servers: readonly HaproxyServer[];
  /** Whether a server that has gone has had its time: its sessions may be ended. */
  readonly isOverdue: (server: string) => boolean;
}

export interface Plan {
  /** In the order in which they are to be done. */
  readonly actions: readonly Action[];
  /** Servers that no endpoint stands behind any more and that are still there. */
  readonly retiring: readonly string[];
}

/**
 * What makes HAProxy's servers those of the EndpointSlices. A function of what is, not of what happened: after a lost event, a restart
 * of HAProxy or of the agent the same call puts all right. Where all is right, it plans nothing.
 */
export function planServers({ endpoints, servers, isOverdue }: PlanInput): Plan {
  // Ids of all endpoints, whatever their state: a drain must not shift the ids of others.
  const ids = assignRingIds(endpoints.map(({ name }) => name));
  const kept = new Set<string>();
  const actions: Action[] = [];
  const additions: Action[] = [];
  for (const endpoint of endpoints) {
    const id = ids.get(endpoint.name) ?? 0;
    const server = servers.find((candidate) => isServerOf(candidate, endpoint, id));
    if (server) {
      kept.add(server.name);
      actions.push(...adjust(server, endpoint));
    } else if (endpoint.accepting) additions.push(...add(endpoint, id, servers));
  }
  const leaving = servers.filter(({ name }) => !kept.has(name));
  // Who leaves goes first: no user is sent to two servers with one place on the ring.
  const retirements = leaving.flatMap((server) => retire(server, endpoints, isOverdue));
  return { actions: [...retirements, ...actions, ...additions], retiring: leaving.map(({ name }) => name) };
}

/** Stands between a pod's name, which cannot hold it, and an id. */
const SEPARATOR = "_";

function isServerOf(server: HaproxyServer, { name, address, port }: Endpoint, id: number): boolean {
  return podOf(server) === name && server.id % RING_SIZE === id && server.address === address && server.port === port;
}

function podOf({ name }: HaproxyServer): string {
  return name.split(SEPARATOR, 1)[0] ?? name;
}

function adjust(server: HaproxyServer, endpoint: Endpoint): Action[] {
  const actions: Action[] = [];
  if (endpoint.accepting && !server.checked) actions.push({ type: "enable-health", name: server.name });
  const state = endpoint.accepting ? "ready" : "drain";
  if (server.state !== state) actions.push({ type: "set-state", name: server.name, state });
  return actions;
}

function add(endpoint: Endpoint, ringId: number, servers: readonly HaproxyServer[]): Action[] {
  const id = freeId(ringId, servers);
  const isFree = (name: string) => !servers.some((server) => server.name === name);
  // The pod's name is still taken while its former server, with another address or id, has connections.
  const name = isFree(endpoint.name) ? endpoint.name : `${endpoint.name}${SEPARATOR}${id}`;
  if (!isFree(name)) return [];
  return [
    { type: "add", name, endpoint, id },
    { type: "enable-health", name },
    { type: "set-state", name, state: "ready" },
  ];
}

/**
 * HAProxy refuses an id twice, and a server that is leaving may still have this one. One that differs in the upper bits only has
 * the same place on the ring.
 */
function freeId(ringId: number, servers: readonly HaproxyServer[]): number {
  let id = ringId;
  while (servers.some((server) => server.id === id)) id += RING_SIZE;
  return id;
}

function retire(server: HaproxyServer, endpoints: readonly Endpoint[], isOverdue: PlanInput["isOverdue"]): Action[] {
  const { name, state, connections } = server;
  const endpoint = endpoints.find((candidate) => candidate.name === podOf(server));
  // Its pod lives and only its id is another now (a collision): whoever is connected may stay as long as they like.
  if (endpoint?.address === server.address && endpoint.port === server.port && connections > 0) {
    return state === "drain" ? [] : [{ type: "set-state", name, state: "drain" }];
  }
  const actions: Action[] = state === "maint" ? [] : [{ type: "set-state", name, state: "maint" }];
  if (connections === 0) return [...actions, { type: "delete", name }];
  // Another address stands behind the name: nobody is left to talk to at this one.
  if (endpoint !== undefined || isOverdue(name)) return [...actions, { type: "shutdown-sessions", name }];
  return actions;
}
