import { loadConfig } from "@chatcluster/foundation/config";
import { type Static, Type } from "typebox";

const schema = Type.Object({
  state: Type.String({
    // A node has these folders for itself, and would not see the state in them.
    pattern: "^/(?!(run|var/run|var/log|proc)/)[A-Za-z0-9_./-]{1,60}$",
    description: "an absolute path of at most 61 letters, digits and _./-, not in /run or /var/log",
    default: "/var/lib/chatcluster",
  }),
  name: Type.String({
    pattern: "^chatcluster(-[a-z0-9]{1,12})?$",
    description: "chatcluster, or chatcluster-WORD to run another cluster beside it",
    default: "chatcluster",
  }),
});

/** Where a local cluster keeps its state, and the word with which the names of its nodes, namespaces and cgroups begin. */
export type ClusterSettings = Static<typeof schema>;

/**
 * Reads `CHATCLUSTER_STATE` and `CHATCLUSTER_NAME`.
 *
 * @throws CodedError `invalid_configuration`
 */
export function loadSettings(env: NodeJS.ProcessEnv = process.env): ClusterSettings {
  return loadConfig(schema, env, "CHATCLUSTER_");
}
