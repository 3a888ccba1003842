import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";
import { type ControlPlaneProcess, connectCluster, type LocalCluster } from "@chatcluster/local/cluster";
import { signToken } from "@chatcluster/local/token";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { forwardInto } from "./forward.ts";
import type { Chat } from "./person.ts";

/** The ChatCluster that `npm run up` makes. */
export const SAMPLE = { namespace: "default", name: "sample" } as const;
const { namespace: NAMESPACE, name: NAME } = SAMPLE;

const sampleSchema = Type.Object({
  metadata: Type.Object({ generation: Type.Integer() }),
  spec: Type.Object({ images: Type.Record(Type.String(), Type.Unknown()) }),
  status: Type.Object({
    servers: Type.Optional(Type.Integer()),
    readyServers: Type.Optional(Type.Integer()),
    desiredServers: Type.Optional(Type.Integer()),
    connections: Type.Optional(Type.Integer()),
    passwords: Type.Optional(Type.Object({ rotatedFor: Type.Optional(Type.String()) })),
    conditions: Type.Optional(
      Type.Array(
        Type.Object({
          type: Type.String(),
          status: Type.String(),
          message: Type.Optional(Type.String()),
          observedGeneration: Type.Optional(Type.Integer()),
        }),
      ),
    ),
  }),
});

const podsSchema = Type.Object({
  items: Type.Array(
    Type.Object({
      metadata: Type.Object({ name: Type.String(), deletionTimestamp: Type.Optional(Type.String()) }),
      status: Type.Object({
        podIP: Type.Optional(Type.String()),
        conditions: Type.Optional(Type.Array(Type.Object({ type: Type.String(), status: Type.String() }))),
      }),
    }),
  ),
});

const serviceSchema = Type.Object({ spec: Type.Object({ clusterIP: Type.String() }) });
const secretSchema = Type.Object({ data: Type.Object({ "jwt-secret": Type.String() }) });

type Component = "chat" | "ingress";

/** The sample ChatCluster on the local Kubernetes, as `npm run up` made it, with what the tests ask of it and do to it. */
export class Cluster {
  readonly kubectl: LocalCluster["kubectl"];
  /** The chat servers through both HAProxy pods. */
  readonly chatUrl: string;
  readonly #local: LocalCluster;
  readonly #key: Uint8Array;

  constructor(local: LocalCluster, key: Uint8Array) {
    this.#local = local;
    this.#key = key;
    this.kubectl = local.kubectl;
    this.chatUrl = `${local.ingress.replace(/^http/, "ws")}/chat`;
  }

  /** The HS256 key with which users' tokens are signed. */
  get key(): string {
    return Buffer.from(this.#key).toString();
  }

  /** A JWT for one user. */
  token(user: string): Promise<string> {
    return signToken(this.#key, user);
  }

  async sample() {
    return Value.Parse(sampleSchema, await this.kubectl.json(["get", "chatcluster", NAME, "-n", NAMESPACE]));
  }

  async sampleStatus() {
    return (await this.sample()).status;
  }

  /** Merges into the sample's spec. */
  async patchSample(spec: Record<string, unknown>): Promise<void> {
    await this.kubectl.run([
      "patch",
      "chatcluster",
      NAME,
      "-n",
      NAMESPACE,
      "--type=merge",
      "-p",
      JSON.stringify({ spec }),
    ]);
  }

  async annotateSample(name: string, value: string): Promise<void> {
    await this.kubectl.run(["annotate", "chatcluster", NAME, "-n", NAMESPACE, "--overwrite", `${name}=${value}`]);
  }

  /** Waits until the last change of the spec is carried out and everything is ready. */
  async ready(): Promise<void> {
    await until(
      async () => {
        const { metadata, status } = await this.sample();
        const is = (wanted: string, state: string) =>
          status.conditions?.some(
            ({ type, status: now, observedGeneration }) =>
              type === wanted && now === state && observedGeneration === metadata.generation,
          );
        return is("Ready", "True") && is("Progressing", "False");
      },
      "the sample is Ready",
      300_000,
    );
  }

  /** Has exactly so many chat servers from now on, whatever the connections; `scales` ends that. */
  async fix(count: number): Promise<void> {
    await this.patchSample({ servers: { replicas: count } });
    await this.ready();
    await this.serversAre(count);
  }

  /** Lets connections decide on the number of chat servers again. */
  async scales(): Promise<void> {
    await this.patchSample({ servers: { replicas: null } });
    await this.ready();
  }

  /** Waits until there are exactly so many chat servers, all of them ready. */
  async serversAre(count: number): Promise<void> {
    await until(
      async () => {
        const { servers, readyServers } = await this.sampleStatus();
        return servers === count && readyServers === count;
      },
      `there are ${count} chat servers`,
      180_000,
    );
  }

  /** Names of the chat servers that take connections. */
  async readyServers(): Promise<string[]> {
    return (await this.#pods("chat")).map(({ name }) => name);
  }

  /** Addresses of a component's ready pods. */
  async podAddresses(component: Component): Promise<string[]> {
    return (await this.#pods(component)).map(({ address }) => address);
  }

  async #pods(component: Component): Promise<{ name: string; address: string }[]> {
    const labels = `app.kubernetes.io/instance=${NAME},app.kubernetes.io/component=${component}`;
    const { items } = Value.Parse(podsSchema, await this.kubectl.json(["get", "pods", "-n", NAMESPACE, "-l", labels]));
    return items.flatMap(({ metadata, status }) => {
      const ready = status.conditions?.some(({ type, status: state }) => type === "Ready" && state === "True");
      const going = metadata.deletionTimestamp !== undefined;
      return ready && !going && status.podIP ? [{ name: metadata.name, address: status.podIP }] : [];
    });
  }

  /** `kill -9` of the main process of a pod's container, which need not be named if it is the only one. */
  kill(pod: string, container?: string, namespace: string = NAMESPACE): Promise<void> {
    return this.#local.killContainer(namespace, pod, container);
  }

  /** Deletes a pod, and waits until another one is ready in its place. */
  async replace(pod: string, component: Component = "chat"): Promise<void> {
    const { length } = await this.#pods(component);
    await this.kubectl.run(["delete", "pod", pod, "-n", NAMESPACE, "--wait=false"]);
    const isReplaced = async () => {
      const pods = await this.#pods(component);
      return pods.length === length && !pods.some(({ name }) => name === pod);
    };
    await until(isReplaced, `another pod in the place of ${pod}`);
  }

  /** Names of the sample's pods on a node that are not about to go, ready or not; the first node has number 1. */
  async podsOn(node: number): Promise<string[]> {
    const field = `spec.nodeName=${this.#local.nodes[node - 1]}`;
    const labels = `app.kubernetes.io/instance=${NAME}`;
    const which = ["-n", NAMESPACE, "-l", labels, "--field-selector", field];
    const { items } = Value.Parse(podsSchema, await this.kubectl.json(["get", "pods", ...which]));
    return items.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [metadata.name] : []));
  }

  /** Ends a node as a loss of power would, and starts it again when the work is done. */
  async withoutNode<Value>(node: number, work: () => Promise<Value>): Promise<Value> {
    await this.#local.stopNode(node);
    try {
      return await work();
    } finally {
      await this.#local.startNode(node);
    }
  }

  /** Kills a part of the control plane, and starts it again when the work is done. */
  async without<Value>(part: ControlPlaneProcess, work: () => Promise<Value>): Promise<Value> {
    await this.#local.stopControlPlane(part);
    try {
      return await work();
    } finally {
      await this.#local.startControlPlane(part);
      await until(() => this.#answers(), `the API server answers, after ${part} is back`);
    }
  }

  async #answers(): Promise<boolean> {
    return this.kubectl.run(["get", "--raw", "/readyz"]).then(
      () => true,
      () => false,
    );
  }

  /** The users' door of another ChatCluster, and tokens with its key. Disposing it closes the way. */
  async chatOf(namespace: string, name: string): Promise<Chat & AsyncDisposable> {
    const ask = (kind: string, child: string) => this.kubectl.json(["get", kind, child, "-n", namespace]);
    const { data } = Value.Parse(secretSchema, await ask("secret", `${name}-auth`));
    const { spec } = Value.Parse(serviceSchema, await ask("service", `${name}-ingress`));
    const forward = await forwardInto(this.#local, `${spec.clusterIP}:8080`);
    const key = Buffer.from(data["jwt-secret"], "base64");
    return {
      chatUrl: `ws://${forward.address}/chat`,
      token: (user) => signToken(key, user),
      [Symbol.asyncDispose]: () => forward[Symbol.asyncDispose](),
    };
  }

  /** Runs a program of the tests inside the cluster's network, with `input` on its standard input; gives what it printed. */
  async runInside(program: URL, input: string): Promise<string> {
    const [command = "", ...args] = [...this.#local.enterNetwork, process.execPath, fileURLToPath(program)];
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    const ended = new Promise<number | null>((resolve, reject) => child.once("close", resolve).once("error", reject));
    child.stdin.end(input);
    const [status, output] = await Promise.all([ended, text(child.stdout)]);
    if (status !== 0) throw new Error(`${program.pathname} ended with ${status}`);
    return output;
  }
}

/** Has the cluster consist of so many nodes: further ones join, those beyond leave. */
export async function haveNodes(count: number): Promise<void> {
  const program = fileURLToPath(new URL("../../local/src/cli.ts", import.meta.url));
  const child = spawn(process.execPath, [program, "up", "--nodes", String(count)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close") as Promise<[number | null]>;
  const [[status], output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (status !== 0) throw new Error(`up --nodes ${count} ended with ${status}:\n${output}${errors}`);
}

/** Connects to the cluster that the test run has brought up, once nothing is on its way there any more. */
export async function clusterIsUp(): Promise<Cluster> {
  const local = await connectCluster();
  const secret = await local.kubectl.json(["get", "secret", `${NAME}-auth`, "-n", NAMESPACE]);
  const cluster = new Cluster(local, Buffer.from(Value.Parse(secretSchema, secret).data["jwt-secret"], "base64"));
  await cluster.ready();
  return cluster;
}

/** A ChatCluster as small as can be, with the images of the sample. */
export async function manifestOf(cluster: Cluster, name: string, namespace: string, spec: Record<string, unknown>) {
  const { images } = (await cluster.sample()).spec;
  return {
    apiVersion: "chatcluster.dev/v1beta1",
    kind: "ChatCluster",
    metadata: { name, namespace },
    spec: {
      servers: { min: 1, max: 1 },
      redis: { storage: { size: "128Mi" } },
      cassandra: { heap: "384Mi", storage: { size: "512Mi" }, jvmOptions: ["-XX:TieredStopAtLevel=1"] },
      ingress: { replicas: 1 },
      images,
      ...spec,
    },
  };
}
