import { existsSync } from "node:fs";
import { CodedError } from "@chatcluster/foundation/errors";
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { specProblems } from "./spec-schema.ts";

/** The ways to a Kubernetes cluster that this program knows. Each is a folder's file under src/cluster. */
export const PROVIDERS = ["local"] as const;

const NAMESPACE = { pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", maxLength: 63 };

const OperatorConfig = Type.Object(
  {
    namespace: Type.String({ ...NAMESPACE, default: "chatcluster-system", description: "Namespace of the operator" }),
    createNamespace: Type.Boolean({ default: true, description: "Make that namespace (and remove it on destroy)" }),
    keepCrds: Type.Boolean({
      default: true,
      description: "Leave the CustomResourceDefinition, and with it every ChatCluster, behind on destroy",
    }),
    values: Type.Record(Type.String(), Type.Unknown(), { default: {}, description: "Values of the operator's chart" }),
  },
  { additionalProperties: false, default: {} },
);

const ChatClusterConfig = Type.Object(
  {
    name: Type.String({
      pattern: "^[a-z]([-a-z0-9]*[a-z0-9])?$",
      maxLength: 40,
      description: "Name of the ChatCluster",
    }),
    namespace: Type.String({ ...NAMESPACE, default: "default", description: "Its namespace" }),
    createNamespace: Type.Boolean({ default: false, description: "Make that namespace (and remove it on destroy)" }),
    waitUntilReady: Type.Boolean({ default: true, description: "End `pulumi up` only once the ChatCluster is Ready" }),
    spec: Type.Record(Type.String(), Type.Unknown(), { default: {}, description: "The ChatCluster's spec" }),
  },
  { additionalProperties: false },
);

const StackConfigSchema = Type.Object({
  provider: Type.String({ description: "Where the Kubernetes cluster comes from" }),
  kubeconfig: Type.String({ minLength: 1, description: "Path of a kubeconfig file, for provider local" }),
  context: Type.Optional(
    Type.String({ minLength: 1, description: "Context of the kubeconfig; its current one when left out" }),
  ),
  publicAddress: Type.Optional(
    Type.String({
      pattern: "^[A-Za-z0-9.-]+(:[0-9]{1,5})?$",
      description: "host:port by which clients reach the ingress, where Kubernetes cannot tell",
    }),
  ),
  operator: OperatorConfig,
  chatCluster: ChatClusterConfig,
});

/** A stack's whole configuration, checked, with every default filled in. */
export type StackConfig = Omit<Static<typeof StackConfigSchema>, "provider"> & {
  provider: (typeof PROVIDERS)[number];
};

/** Keys whose values are JSON in Pulumi's own flat form; the others are plain texts. */
const STRUCTURED: ReadonlySet<string> = new Set(["operator", "chatCluster"]);

/**
 * Checks the configuration of a stack, as `pulumi.runtime.allConfig()` returns it.
 *
 * @param all values by `project:key`; keys of other projects (`kubernetes:…`) are left alone
 * @param env for the default of `kubeconfig`: `$CHATCLUSTER_STATE/kubeconfig`
 * @throws CodedError `invalid_configuration`, with a line for everything that is wrong, each by its key
 */
export function readStackConfig(
  all: Readonly<Record<string, string>>,
  project: string,
  env: Readonly<Record<string, string | undefined>>,
): StackConfig {
  const problems: string[] = [];
  const raw: Record<string, unknown> = { kubeconfig: `${env.CHATCLUSTER_STATE ?? "/var/lib/chatcluster"}/kubeconfig` };
  for (const [fullKey, text] of Object.entries(all)) {
    if (!fullKey.startsWith(`${project}:`)) continue;
    const key = fullKey.slice(project.length + 1);
    if (!(key in StackConfigSchema.properties)) problems.push(`${fullKey} is unknown`);
    else raw[key] = STRUCTURED.has(key) ? parsed(fullKey, text, problems) : text;
  }
  const config: unknown = Value.Default(StackConfigSchema, raw);
  problems.push(...schemaProblems(config, project), ...meaningProblems(raw, config, project));
  if (problems.length > 0)
    throw new CodedError("invalid_configuration", `invalid stack configuration:\n  ${problems.join("\n  ")}`);
  return config as StackConfig;
}

function parsed(key: string, text: string, problems: string[]): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    problems.push(
      `${key} must be an object: set it in Pulumi.<stack>.yaml or by pulumi config set --path '${key}.name' …`,
    );
    return {};
  }
}

function schemaProblems(config: unknown, project: string): string[] {
  const problems = new Map<string, string>();
  for (const error of Value.Errors(StackConfigSchema, config)) {
    const at = `${project}:${error.instancePath.slice(1).replaceAll("/", ".")}`;
    if (error.keyword === "required") {
      for (const name of error.params.requiredProperties)
        problems.set(child(at, name), `${child(at, name)} is required`);
    } else if (error.keyword === "additionalProperties") {
      for (const name of error.params.additionalProperties)
        problems.set(child(at, name), `${child(at, name)} is unknown`);
    } else if (!problems.has(at)) problems.set(at, `${at} ${error.message}`);
  }
  return [...problems.values()];
}

function child(path: string, name: string): string {
  return path.endsWith(":") ? path + name : `${path}.${name}`;
}

function meaningProblems(raw: Record<string, unknown>, config: unknown, project: string): string[] {
  const problems: string[] = [];
  const { provider, kubeconfig } = raw;
  const known: readonly unknown[] = PROVIDERS;
  if (provider !== undefined && !known.includes(provider))
    problems.push(`${project}:provider is "${provider}", which is not supported: use one of ${PROVIDERS.join(", ")}`);
  if (provider === "local" && typeof kubeconfig === "string" && !existsSync(kubeconfig))
    problems.push(
      `${project}:kubeconfig names ${kubeconfig}, which does not exist: run \`npm run up\`, or name another`,
    );
  const spec = (config as Partial<StackConfig>).chatCluster?.spec;
  if (spec !== undefined) problems.push(...specProblems(spec).map((each) => `${project}:chatCluster.spec${each}`));
  return problems;
}
