import { chmodSync, readdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";

/**
 * A program that lets every user write to each folder that appears in the folder it is given.
 *
 * kube-controller-manager's host path provisioner makes volumes for root alone, and kubelet does not apply a pod's `fsGroup` to host
 * paths, so without this only pods that run as root could use a volume.
 */
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: open-volumes.ts FOLDER");

const open = (name: string): void => {
  try {
    const path = join(folder, name);
    // A change of the mode is an event, too.
    if ((statSync(path).mode & 0o777) !== 0o777) chmodSync(path, 0o777);
  } catch (error) {
    // Removed in the meantime, with its claim.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
};

watch(folder, (_event, name) => name !== null && open(name));
for (const name of readdirSync(folder)) open(name);
