import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { stringify } from "yaml";
import { tools } from "../tools/index.ts";
import { freePorts } from "./port.ts";
import { type ServiceControl, ServiceProcess } from "./process.ts";

/** kube-apiserver and its etcd: the controls are the API server's own; `etcd` has those of its store. */
export type ApiServer = ServiceControl &
  AsyncDisposable & {
    readonly url: string;
    /** Certificate authority, PEM. */
    readonly ca: string;
    /** Bearer token of a member of `system:masters`. */
    readonly token: string;
    /** A kubeconfig with the administrator's token, as text and as a file. */
    readonly kubeconfig: string;
    readonly kubeconfigFile: string;
    readonly pid: number;
    readonly etcd: ServiceControl;
  };

const ADMINISTRATOR = "admin";

/**
 * An API server with nothing behind it, as controller-runtime's envtest has it: objects, watches, validation, admission by CEL rules,
 * RBAC and service account tokens are real; no controller acts on built-in kinds, no garbage collector deletes owned objects, and
 * nothing runs pods.
 */
export async function startApiServer(): Promise<ApiServer> {
  const paths = await tools(["etcd", "kube-apiserver"]);
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const etcd = await startEtcd(paths.etcd, etcdPort, peerPort);
  const token = randomBytes(24).toString("base64url");
  const url = `https://127.0.0.1:${port}`;
  let directory = "";
  try {
    const service = await ServiceProcess.start({
      name: "kube-apiserver",
      readySeconds: 90,
      stopSeconds: 10,
      async command(own) {
        directory = own;
        await writeCredentials(own, token);
        return [paths["kube-apiserver"], ...flags(own, port, etcdPort)];
      },
      ready: async () => {
        const ca = await readFile(certificate(directory), "utf8");
        await get(`${url}/readyz`, ca, token);
        // The first namespace is made by the API server itself, a moment after it says that it is ready.
        await get(`${url}/api/v1/namespaces/default`, ca, token);
      },
    });
    const ca = await readFile(certificate(directory), "utf8");
    const kubeconfig = kubeconfigText(url, ca, token);
    const kubeconfigFile = join(directory, "kubeconfig");
    await writeFile(kubeconfigFile, kubeconfig, { mode: 0o600 });
    const stop = async (): Promise<void> => {
      await ServiceProcess.prototype.stop.call(service);
      await etcd.stop();
    };
    return Object.assign(service, { url, ca, token, kubeconfig, kubeconfigFile, etcd, stop });
  } catch (error) {
    await etcd.stop();
    throw error;
  }
}

function startEtcd(program: string, port: number, peerPort: number): Promise<ServiceProcess> {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return ServiceProcess.start({
    name: "etcd",
    readySeconds: 30,
    stopSeconds: 5,
    command: async (directory) => [
      program,
      `--data-dir=${join(directory, "data")}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      // What a power cut could lose is of no use after a test.
      "--unsafe-no-fsync",
    ],
    ready: async () => {
      const { health } = (await (await fetch(`${client}/health`)).json()) as { health?: unknown };
      if (health !== "true") throw new Error(`etcd's health is ${String(health)}`);
    },
  });
}

function flags(directory: string, port: number, etcdPort: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    // It makes a certificate authority and a serving certificate of its own here.
    `--cert-dir=${directory}`,
    // A loopback address is no endpoint for the Service "kubernetes".
    "--endpoint-reconciler-type=none",
    "--service-cluster-ip-range=10.0.0.0/16",
    "--authorization-mode=RBAC",
    `--token-auth-file=${join(directory, "tokens.csv")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-signing-key-file=${join(directory, "service-account.key")}`,
    `--service-account-key-file=${join(directory, "service-account.key")}`,
    // No controller makes the service accounts that this plugin demands of a pod.
    "--disable-admission-plugins=ServiceAccount",
    "--allow-privileged=true",
  ];
}

function certificate(directory: string): string {
  return join(directory, "apiserver.crt");
}

async function writeCredentials(directory: string, token: string): Promise<void> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  // A restart must accept the tokens that were issued before it.
  await writeFile(join(directory, "service-account.key"), key, { mode: 0o600, flag: "wx" }).catch(unlessExists);
  const tokens = `${token},${ADMINISTRATOR},${ADMINISTRATOR},system:masters\n`;
  await writeFile(join(directory, "tokens.csv"), tokens, { mode: 0o600 });
}

function unlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

async function get(url: string, ca: string, token: string): Promise<void> {
  const outgoing = request(url, { ca, headers: { authorization: `Bearer ${token}` }, timeout: 5000 }).end();
  outgoing.once("timeout", () => outgoing.destroy(new Error(`${url} does not answer`)));
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  const body = await text(response);
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}: ${body.slice(0, 500)}`);
}

function kubeconfigText(server: string, ca: string, token: string): string {
  const certificateAuthority = Buffer.from(ca).toString("base64");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": certificateAuthority } }],
    users: [{ name: ADMINISTRATOR, user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: ADMINISTRATOR } }],
    "current-context": "test",
  });
}
