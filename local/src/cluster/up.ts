import { existsSync } from "node:fs";
import { CodedError } from "@chatcluster/foundation/errors";
import { buildImages, type Image } from "../images/index.ts";
import { tool } from "../tools/index.ts";
import { readClusterRecord } from "./cluster-record.ts";
import { ensureKindCluster, kindImages, missingForKind, removeKindCluster } from "./kind.ts";
import type { Kubectl } from "./kubectl.ts";
import { statePaths } from "./layout.ts";
import { type ClusterWish, clusterKubectl, ensureCluster, removeCluster } from "./local-cluster.ts";
import { importImages } from "./node.ts";
import { preflight, takenPorts } from "./preflight.ts";
import { takeRunLock } from "./run-lock.ts";
import { type ImageRefs, INSTALLED_IMAGES, installSample, SAMPLE } from "./sample.ts";
import type { ClusterSettings } from "./settings.ts";
import type { Steps } from "./steps.ts";
import { clusterTools } from "./tools.ts";
import { DEFAULT_PORTS } from "./way-in.ts";

export type UpOptions = {
  provider: "local" | "kind";
  /** Only the cluster, without operator and sample. */
  onlyCluster: boolean;
  /** What is not given stays as it is, or has its default. */
  nodes?: number;
  apiPort?: number;
  ingressPort?: number;
};

/** `npm run up`: see its `--help`. */
export async function up(settings: ClusterSettings, options: UpOptions, steps: Steps): Promise<void> {
  const wish = wishOf(settings, options);
  await (options.provider === "kind" ? preflightKind(settings, wish) : preflight(settings, wish.ports));
  const lock = await takeRunLock(statePaths(settings).lock, "npm run up");
  try {
    const { kubectl, images } = await (options.provider === "kind" ? upKind : upLocal)(settings, wish, options, steps);
    if (images) {
      const helm = await steps.run("Helm", (progress) => tool("helm", progress));
      await installSample(helm, settings.state, kubectl, images, steps);
    }
    steps.say(nextSteps(kubectl, wish, images !== undefined));
  } finally {
    await lock.release();
  }
}

/** `npm run down`: see its `--help`. */
export async function down(settings: ClusterSettings, steps: Steps): Promise<void> {
  const lock = await takeRunLock(statePaths(settings).lock, "npm run down");
  try {
    const record = readClusterRecord(settings);
    await steps.run(`Removing cluster ${settings.name}`, async () => {
      if (record?.provider === "kind") await removeKindCluster(settings);
      await removeCluster(settings);
    });
  } finally {
    await lock.release();
  }
}

function wishOf(settings: ClusterSettings, options: UpOptions): ClusterWish {
  const record = readClusterRecord(settings);
  return {
    nodes: options.nodes ?? record?.nodes ?? 1,
    ports: {
      api: options.apiPort ?? record?.ports.api ?? DEFAULT_PORTS.api,
      ingress: options.ingressPort ?? record?.ports.ingress ?? DEFAULT_PORTS.ingress,
    },
  };
}

type Brought = { kubectl: Kubectl; images?: ImageRefs };

async function upLocal(
  settings: ClusterSettings,
  wish: ClusterWish,
  options: UpOptions,
  steps: Steps,
): Promise<Brought> {
  if (readClusterRecord(settings)?.provider === "kind")
    throw new CodedError("other_provider", "there is a cluster of kind: remove it first with npm run down");
  const tools = await steps.run("Tools", (progress) => clusterTools(progress));
  const images = await steps.run("Images", (progress) =>
    buildImages(progress, options.onlyCluster ? ["pause"] : undefined),
  );
  const sandboxImage = images.find(({ name }) => name === "pause");
  if (!sandboxImage) throw new CodedError("image_missing", "no pause image was built");
  const kubectl = await ensureCluster(settings, wish, { tools, sandboxImage }, steps);
  if (options.onlyCluster) return { kubectl };
  await steps.run("Loading images", async () => {
    for (let node = 1; node <= wish.nodes; node++) await importImages(settings, node, tools.ctr, images);
  });
  return { kubectl, images: imageRefs(images) };
}

/** The references under which the charts' images were built. */
function imageRefs(images: readonly Image[]): ImageRefs {
  const refs = Object.fromEntries(images.map(({ name, ref }) => [name, ref]));
  const missing = INSTALLED_IMAGES.filter((name) => refs[name] === undefined);
  if (missing.length > 0) throw new CodedError("image_missing", `no image was built of ${missing.join(", ")}`);
  return refs as ImageRefs;
}

async function upKind(
  settings: ClusterSettings,
  wish: ClusterWish,
  options: UpOptions,
  steps: Steps,
): Promise<Brought> {
  if (readClusterRecord(settings)?.provider === "local")
    throw new CodedError("other_provider", "there is a local cluster: remove it first with npm run down");
  const kubectl = clusterKubectl(settings, await steps.run("kubectl", (progress) => tool("kubectl", progress)));
  await ensureKindCluster(settings, wish, !options.onlyCluster, steps);
  return options.onlyCluster ? { kubectl } : { kubectl, images: kindImages() };
}

async function preflightKind(settings: ClusterSettings, wish: ClusterWish): Promise<void> {
  const missing = missingForKind();
  const own = readClusterRecord(settings)?.provider === "kind" && existsSync(statePaths(settings).kubeconfig);
  if (!own)
    for (const port of await takenPorts(settings, wish.ports)) missing.push(`port ${port} on 127.0.0.1: it is taken`);
  if (missing.length > 0)
    throw new CodedError("machine_unfit", `this machine lacks:\n${missing.map((line) => `  - ${line}`).join("\n")}`);
}

/** What a person does next, for copying. */
export function nextSteps(
  kubectl: Pick<Kubectl, "program" | "kubeconfig">,
  wish: ClusterWish,
  withSample: boolean,
): string {
  const lines = [
    "",
    "The cluster is ready:",
    `  export KUBECONFIG=${kubectl.kubeconfig}`,
    `  ${kubectl.program} get nodes,pods -A`,
  ];
  if (withSample) {
    const origin = `127.0.0.1:${wish.ports.ingress}`;
    const key = `${kubectl.program} get secret ${SAMPLE}-auth -o jsonpath='{.data.jwt-secret}' | base64 -d`;
    lines.push(
      "",
      `ChatCluster ${SAMPLE} is Ready:`,
      `  ${kubectl.program} get chatcluster`,
      `  chat page    http://${origin}/`,
      `  WebSocket    ws://${origin}/chat`,
      "  a token      npm run --silent token -- alice",
      `  its key      ${key}`,
      `  load by k6   CHAT_JWT_SECRET=$(${key}) npm run loadtest -- --url ws://${origin}/chat`,
    );
  }
  return [...lines, "", "npm run status shows how it is, npm run down removes it.", ""].join("\n");
}
