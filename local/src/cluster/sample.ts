import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CodedError } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { upgradeRelease } from "./helm.ts";
import type { Kubectl } from "./kubectl.ts";
import type { StepProgress, Steps } from "./steps.ts";

/** The ChatCluster that `npm run up` applies, and where the operator lives; docs/architecture.md. */
export const SAMPLE = "sample";
export const SAMPLE_NAMESPACE = "default";
export const OPERATOR_NAMESPACE = "chatcluster-system";

const CHARTS = fileURLToPath(new URL("../../../charts", import.meta.url));

/** Cassandra's first start with both cores busy is most of it; milliseconds. */
const SAMPLE_START = 600_000;

/** The images that the charts install; each has a folder in local/images. */
export const INSTALLED_IMAGES = ["chat-server", "operator", "redis", "cassandra", "haproxy"] as const;

/** References of the images, by the image's name. */
export type ImageRefs = Record<(typeof INSTALLED_IMAGES)[number], string>;

const chatClusterSchema = Type.Object({
  metadata: Type.Object({ generation: Type.Integer() }),
  status: Type.Optional(
    Type.Object({
      conditions: Type.Optional(
        Type.Array(
          Type.Object({
            type: Type.String(),
            status: Type.String(),
            reason: Type.Optional(Type.String()),
            message: Type.Optional(Type.String()),
            observedGeneration: Type.Optional(Type.Integer()),
          }),
        ),
      ),
    }),
  ),
});

type ChatClusterView = Static<typeof chatClusterSchema>;

/** Installs the operator and the sample ChatCluster by their charts and waits until it is Ready. */
export async function installSample(
  helm: string,
  state: string,
  kubectl: Kubectl,
  images: ImageRefs,
  steps: Steps,
): Promise<void> {
  await steps.run("Operator", () =>
    upgradeRelease(helm, kubectl.kubeconfig, state, {
      name: "chatcluster-operator",
      chart: join(CHARTS, "chatcluster-operator"),
      namespace: OPERATOR_NAMESPACE,
      values: operatorValues(images),
      wait: true,
    }),
  );
  await steps.run(`ChatCluster ${SAMPLE}`, async (progress) => {
    await upgradeRelease(helm, kubectl.kubeconfig, state, {
      name: SAMPLE,
      chart: join(CHARTS, "chatcluster"),
      namespace: SAMPLE_NAMESPACE,
      valueFiles: [join(CHARTS, "chatcluster", "values-local.yaml")],
      values: sampleValues(images),
      wait: false,
    });
    await waitForSample(kubectl, progress);
  });
}

export function operatorValues(images: ImageRefs): unknown {
  const { repository, tag } = splitRef(images.operator);
  return { image: { repository, tag, pullPolicy: "IfNotPresent" } };
}

export function sampleValues(images: ImageRefs): unknown {
  return {
    spec: {
      images: {
        chatServer: images["chat-server"],
        ingressAgent: images.operator,
        redis: images.redis,
        cassandra: images.cassandra,
        haproxy: images.haproxy,
      },
    },
  };
}

/** `a/b:tag` as repository and tag. */
export function splitRef(ref: string): { repository: string; tag: string } {
  const colon = ref.lastIndexOf(":");
  if (colon <= ref.lastIndexOf("/")) throw new CodedError("invalid_image", `image reference ${ref} has no tag`);
  return { repository: ref.slice(0, colon), tag: ref.slice(colon + 1) };
}

async function waitForSample(kubectl: Kubectl, progress: StepProgress): Promise<void> {
  let last = "it has no status yet";
  await until(
    async () => {
      const missing = whatIsMissing(await readSample(kubectl));
      if (missing !== undefined) last = missing;
      if (missing !== undefined) progress(missing);
      return missing === undefined;
    },
    `ChatCluster ${SAMPLE} is Ready`,
    SAMPLE_START,
    {
      every: 1000,
      detail: () =>
        `${last}\nlook at it with: KUBECONFIG=${kubectl.kubeconfig} ${kubectl.program} describe chatcluster ${SAMPLE}`,
    },
  );
}

async function readSample(kubectl: Kubectl): Promise<ChatClusterView> {
  const value = await kubectl.json(["get", "chatcluster", SAMPLE, "--namespace", SAMPLE_NAMESPACE]);
  if (Value.Check(chatClusterSchema, value)) return value;
  throw new CodedError("kubectl_failed", `kubectl get chatcluster ${SAMPLE} answered with something else`);
}

/** What a ChatCluster still waits for, in the words of its conditions; undefined when it is Ready. */
export function whatIsMissing(chatCluster: ChatClusterView): string | undefined {
  const conditions = chatCluster.status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === "Ready");
  if (!ready) return "the operator has not seen it yet";
  if ((ready.observedGeneration ?? 0) < chatCluster.metadata.generation)
    return "the operator has not seen the change yet";
  if (ready.status === "True") return undefined;
  const others = conditions.filter(
    ({ type, status }) => type.endsWith("Ready") && type !== "Ready" && status !== "True",
  );
  const said = (others.length > 0 ? others : [ready]).map(
    ({ type, reason, message }) => `${type}: ${message || reason || "not yet"}`,
  );
  return said.join("; ");
}
