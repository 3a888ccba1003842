type Labels = Readonly<Record<string, string>>;

/** What every rendered object has. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
}

export interface Role extends Manifest {
  readonly rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

interface Binding extends Manifest {
  readonly subjects: unknown;
}

interface Probe {
  readonly httpGet: unknown;
}

interface Container {
  readonly image: string;
  readonly command: unknown;
  readonly ports: unknown;
  readonly env: readonly { name: string; value?: string }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext?: unknown;
}

interface PodSpec {
  readonly containers: readonly [Container];
  readonly serviceAccountName: string;
  readonly topologySpreadConstraints: readonly { topologyKey: string; labelSelector: { matchLabels: Labels } }[];
  readonly priorityClassName?: string;
  readonly nodeSelector?: unknown;
  readonly tolerations?: unknown;
  readonly affinity?: unknown;
  readonly imagePullSecrets?: unknown;
}

interface Deployment extends Manifest {
  readonly spec: {
    readonly replicas: number;
    readonly selector: { readonly matchLabels: Labels };
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
  };
}

interface Selecting extends Manifest {
  readonly spec: { readonly selector: { readonly matchLabels: Labels } };
}

interface ServiceMonitor extends Selecting {
  readonly spec: Selecting["spec"] & { readonly endpoints: readonly { port: string }[] };
}

interface Service extends Manifest {
  readonly spec: { readonly selector: Labels; readonly ports: readonly { name: string }[] };
}

/** The part of a spec that the tests look at; all of it is there once the API server has filled in the defaults. */
export interface ChatCluster extends Manifest {
  readonly spec: {
    readonly servers: { readonly max: number };
    readonly ingress: { readonly loadFactor?: number; readonly service: { readonly nodePort?: number } };
  };
}

/** The fields that the tests look at, by kind. */
interface ManifestByKind {
  ChatCluster: ChatCluster;
  ClusterRole: Role;
  CustomResourceDefinition: Manifest;
  Deployment: Deployment;
  PodDisruptionBudget: Selecting;
  Role: Role;
  RoleBinding: Binding;
  Service: Service;
  ServiceMonitor: ServiceMonitor;
}

/** The one object of `kind`, by name if there are several. @throws Error if there is not exactly one */
export function only<Kind extends keyof ManifestByKind>(
  manifests: readonly Manifest[],
  kind: Kind,
  name?: string,
): ManifestByKind[Kind] {
  const found = manifests.filter((each) => each.kind === kind && (name === undefined || each.metadata.name === name));
  if (found.length !== 1)
    throw new Error(`${found.length} objects of kind ${kind}${name ? ` named ${name}` : ""}, not one`);
  return found[0] as ManifestByKind[Kind];
}
