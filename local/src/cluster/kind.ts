import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { runCommand } from "../tools/command.ts";
import { type ClusterRecord, readClusterRecord, writeClusterRecord } from "./cluster-record.ts";
import { writeConfig } from "./config-file.ts";
import { network, statePaths } from "./layout.ts";
import type { ClusterWish } from "./local-cluster.ts";
import { type ImageRefs, INSTALLED_IMAGES } from "./sample.ts";
import type { ClusterSettings } from "./settings.ts";
import type { Steps } from "./steps.ts";

/** A cluster of kind (https://kind.sigs.k8s.io) on Docker, for those who have both: the same images and charts as on the local one. */

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Docker rebuilds what has changed and `kind load` copies it, so that the tag may stay the same. */
const TAG = "kind";

/** One command of the way, as it is run. */
export type KindCommand = { program: "docker" | "kind"; args: string[] };

export function kindImages(): ImageRefs {
  return Object.fromEntries(
    INSTALLED_IMAGES.map((name) => [name, `localhost/chatcluster/${name}:${TAG}`]),
  ) as ImageRefs;
}

/** https://kind.sigs.k8s.io/docs/user/configuration/ */
export function kindConfig(wish: ClusterWish): string {
  const ingress = { containerPort: network.ingressNodePort, hostPort: wish.ports.ingress, listenAddress: "127.0.0.1" };
  return stringify({
    kind: "Cluster",
    apiVersion: "kind.x-k8s.io/v1alpha4",
    networking: { apiServerAddress: "127.0.0.1", apiServerPort: wish.ports.api },
    nodes: Array.from({ length: wish.nodes }, (_, i) =>
      i === 0 ? { role: "control-plane", extraPortMappings: [ingress] } : { role: "worker" },
    ),
  });
}

export function createCommand(settings: ClusterSettings): KindCommand {
  const args = ["create", "cluster", "--name", settings.name, "--kubeconfig", statePaths(settings).kubeconfig];
  return { program: "kind", args: [...args, "--wait", "5m", "--config", configFile(settings)] };
}

export function deleteCommand(settings: ClusterSettings): KindCommand {
  return {
    program: "kind",
    args: ["delete", "cluster", "--name", settings.name, "--kubeconfig", statePaths(settings).kubeconfig],
  };
}

export function buildCommands(): KindCommand[] {
  return Object.entries(kindImages()).map(([name, ref]) => ({
    program: "docker",
    args: ["build", "--tag", ref, "--file", join(ROOT, "local", "images", name, "Dockerfile"), ROOT],
  }));
}

export function loadCommand(settings: ClusterSettings): KindCommand {
  return { program: "kind", args: ["load", "docker-image", ...Object.values(kindImages()), "--name", settings.name] };
}

/** What of Docker and kind is missing: one sentence each. */
export function missingForKind(): string[] {
  const missing: string[] = [];
  if (spawnSync("docker", ["version", "--format", "{{.Server.Version}}"]).status !== 0)
    missing.push("docker with a running engine: --provider local needs none");
  if (spawnSync("kind", ["version"]).status !== 0)
    missing.push("kind: https://kind.sigs.k8s.io/docs/user/quick-start/");
  return missing;
}

/** Brings up a cluster of kind, unless it is there with the same nodes and ports, and loads the images into it. */
export async function ensureKindCluster(
  settings: ClusterSettings,
  wish: ClusterWish,
  withImages: boolean,
  steps: Steps,
): Promise<void> {
  mkdirSync(statePaths(settings).config, { recursive: true, mode: 0o700 });
  const record: ClusterRecord = {
    format: 1,
    provider: "kind",
    ...wish,
    complete: false,
  };
  const before = readClusterRecord(settings);
  const clusters = (await runCommand("kind", ["get", "clusters"])).split("\n");
  const same = before && JSON.stringify(before) === JSON.stringify({ ...record, complete: true });
  if (!same || !clusters.includes(settings.name)) {
    await steps.run("kind cluster", async (progress) => {
      await run(deleteCommand(settings), progress);
      writeClusterRecord(settings, record);
      writeConfig(configFile(settings), kindConfig(wish));
      await run(createCommand(settings), progress);
    });
    writeClusterRecord(settings, { ...record, complete: true });
  }
  if (!withImages) return;
  await steps.run("Images", async (progress) => {
    for (const command of buildCommands()) await run(command, progress);
    await run(loadCommand(settings), progress);
  });
}

export async function removeKindCluster(settings: ClusterSettings): Promise<void> {
  await run(deleteCommand(settings), () => undefined);
}

async function run({ program, args }: KindCommand, progress: (line: string) => void): Promise<void> {
  await runCommand(program, args, { onLine: progress });
}

function configFile(settings: ClusterSettings): string {
  return join(statePaths(settings).config, "kind.yaml");
}
