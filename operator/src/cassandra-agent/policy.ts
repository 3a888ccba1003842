/**
 * What the agent may do in Cassandra's JVM, and nothing else: Jolokia refuses every other MBean, attribute and operation.
 * https://jolokia.org/reference/html/manual/security.html
 */

export const STORAGE_SERVICE = "org.apache.cassandra.db:type=StorageService";
export const STORAGE_LOAD = "org.apache.cassandra.metrics:type=Storage,name=Load";

/** Attributes of the StorageService that say how this node sees itself and the ring. */
export const STORAGE_SERVICE_ATTRIBUTES = [
  "GossipRunning",
  "HostIdToEndpointWithPort",
  "JoiningNodesWithPort",
  "LeavingNodesWithPort",
  "LiveNodesWithPort",
  "LocalHostId",
  "MovingNodesWithPort",
  "NativeTransportRunning",
  "OperationMode",
] as const;

/** Keyspaces whose rows are spread over the nodes. */
export const SPREAD_KEYSPACES = "NonLocalStrategyKeyspaces";

/** Operations of the StorageService with their signatures. */
export const OPERATIONS = {
  cleanup: "forceKeyspaceCleanup(int,java.lang.String,[Ljava.lang.String;)",
  clearSnapshot: "clearSnapshot(java.lang.String,[Ljava.lang.String;)",
  decommission: "decommission(boolean)",
  load: "bulkLoad(java.lang.String)",
  repair: "repairAsync(java.lang.String,java.util.Map)",
  repairStatus: "getParentRepairStatus(int)",
  takeSnapshot: "takeSnapshot(java.lang.String,java.util.Map,[Ljava.lang.String;)",
} as const;

/** jolokia-access.xml: no command is allowed in general, only what stands under `allow`, by POST. */
export function jolokiaPolicy(): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<restrict>
  <http><method>post</method></http>
  <commands/>
  <allow>
    <mbean>
      <name>${STORAGE_SERVICE}</name>
${[...STORAGE_SERVICE_ATTRIBUTES, SPREAD_KEYSPACES].map((name) => `      <attribute mode="read">${name}</attribute>`).join("\n")}
${Object.values(OPERATIONS)
  .map((signature) => `      <operation>${signature}</operation>`)
  .join("\n")}
    </mbean>
    <mbean>
      <name>${STORAGE_LOAD}</name>
      <attribute mode="read">Count</attribute>
    </mbean>
  </allow>
</restrict>
`;
}
