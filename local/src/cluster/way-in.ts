import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeConfig } from "./config-file.ts";
import { network, nodeAddress, nodeName, statePaths } from "./layout.ts";
import type { ProcessSpec } from "./managed-process.ts";
import type { ClusterSettings } from "./settings.ts";

/** TCP ports on 127.0.0.1. */
export type WayInPorts = { api: number; ingress: number };

export const DEFAULT_PORTS: WayInPorts = { api: 6443, ingress: 8080 };

/**
 * HAProxy's configuration for the way in: it listens on 127.0.0.1 of the machine and dials in the first node's network namespace
 * (`namespace`, HAProxy's configuration manual, section 5.2), so that one process carries every connection.
 */
export function renderWayIn(settings: ClusterSettings, ports: WayInPorts, nodes: number): string {
  const namespace = nodeName(settings, 1);
  const ingress = Array.from(
    { length: nodes },
    (_, i) =>
      `    server node-${i + 1} ${nodeAddress(i + 1)}:${network.ingressNodePort} namespace ${namespace} check inter 1s`,
  );
  return `global
    log stderr format raw local0 notice

defaults
    mode tcp
    log global
    timeout connect 5s
    # Watches and chat connections are silent for long.
    timeout client 1h
    timeout server 1h
    timeout client-fin 30s
    option redispatch
    retries 3

listen api-server
    bind 127.0.0.1:${ports.api}
    server control-plane ${nodeAddress(1)}:${network.apiServerPort} namespace ${namespace}

listen ingress
    bind 127.0.0.1:${ports.ingress}
    balance leastconn
${ingress.join("\n")}
`;
}

export function wayInProcess(
  settings: ClusterSettings,
  haproxy: string,
  ports: WayInPorts,
  nodes: number,
): ProcessSpec {
  const { config } = statePaths(settings);
  mkdirSync(config, { recursive: true, mode: 0o700 });
  const file = join(config, "way-in.cfg");
  const text = renderWayIn(settings, ports, nodes);
  writeConfig(file, text);
  return { name: "way-in", command: [haproxy, "-db", "-f", file], reads: [text] };
}
