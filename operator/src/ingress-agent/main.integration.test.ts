import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "@chatcluster/foundation/until";
import { type ApiServer, freePort, type Haproxy, startApiServer, startHaproxy } from "@chatcluster/local/services";
import { KubeConfig } from "@kubernetes/client-node";
import { renderHaproxyConfig } from "../ingress/haproxy-config.ts";
import { Client } from "../runtime/client.ts";
import { EndpointSlice, Scheme } from "../runtime/scheme.ts";
import { Backend } from "./ingress-fixture.ts";
import { parseServers } from "./server-table.ts";

const PROGRAM = fileURLToPath(new URL("./main.ts", import.meta.url));
/** The API server takes no loopback addresses in EndpointSlices, and the tests send to no others. */
const LOOPBACK = "127.0.2.";
/** RFC 5737. */
const DOCUMENTATION = "192.0.2.";
let api: ApiServer;
let translator: Server;
let translatedSocket: string;
let haproxy: Haproxy;
let client: Client;
let backends: Backend[] = [];

before(async () => {
  const first = await Backend.start("chat-a", "127.0.2.1");
  backends = [first, await Backend.start("chat-b", "127.0.2.2", first.port)];
  [api, haproxy] = await Promise.all([
    startApiServer(),
    startHaproxy({
      config: ({ port, statsPort, socket }) =>
        renderHaproxyConfig({
          hashOn: "user",
          balanceFactor: 0,
          drainSeconds: 5,
          maxConnections: 1000,
          connectionRatePerAddress: 0,
          accessLog: false,
          threads: 1,
          listen: { address: "127.0.0.1", httpPort: port, metricsPort: statsPort, socket },
        }),
    }),
  ]);
  translatedSocket = `${haproxy.socket}.translated`;
  translator = createServer({ allowHalfOpen: true }, translate).listen(translatedSocket);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig);
  client = new Client({ kubeConfig, scheme: new Scheme() });
});

after(async () => {
  client?.close();
  translator?.close();
  await Promise.all([...backends.map((backend) => backend.stop()), haproxy?.stop(), api?.stop()]);
});

/** Passes one command and its answer on, with the addresses of one side put for those of the other. */
function translate(agent: Socket): void {
  const connection = connect(haproxy.socket);
  // Either end away is the other's end too: the agent sees a connection that breaks.
  connection.on("error", () => agent.destroy());
  agent.on("error", () => connection.destroy());
  agent.on("data", (command) => connection.write(command.toString().replaceAll(DOCUMENTATION, LOOPBACK)));
  const answer: Buffer[] = [];
  connection.on("data", (chunk) => answer.push(chunk));
  connection.on("end", () => agent.end(Buffer.concat(answer).toString().replaceAll(LOOPBACK, DOCUMENTATION)));
}

/** The Service's slice with these servers; those named in `leaving` terminate. */
async function writeSlice(some: readonly Backend[], leaving: readonly string[] = []): Promise<void> {
  await client.apply({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace: "default", name: "sample-chat-1", labels: { "kubernetes.io/service-name": "sample-chat" } },
    addressType: "IPv4",
    ports: [{ name: "chat", port: backends[0]?.port, protocol: "TCP" }],
    endpoints: some.map(({ name, address }) => ({
      addresses: [address.replace(LOOPBACK, DOCUMENTATION)],
      conditions: { ready: !leaving.includes(name), serving: true, terminating: leaving.includes(name) },
      targetRef: { kind: "Pod", namespace: "default", name },
    })),
  });
}

async function servers() {
  return parseServers(
    await haproxy.runtime("show servers state chat"),
    await haproxy.runtime("show servers conn chat"),
  );
}

const states = async () => (await servers()).map(({ name, state }) => `${name} ${state}`).sort();

function startAgent(port: number, change: Record<string, string> = {}): ChildProcess {
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    KUBECONFIG: api.kubeconfigFile,
    AGENT_SERVICE: "sample-chat",
    AGENT_NAMESPACE: "default",
    AGENT_SOCKET: translatedSocket,
    AGENT_CHECK_PORT: String(backends[0]?.port),
    AGENT_HOST: "127.0.0.1",
    AGENT_PORT: String(port),
    ...change,
  };
  return spawn(process.execPath, [PROGRAM], { env, stdio: ["ignore", "pipe", "inherit"] });
}

async function status(port: number, path: string): Promise<number> {
  return fetch(`http://127.0.0.1:${port}${path}`).then(
    async (reply) => {
      await reply.body?.cancel();
      return reply.status;
    },
    () => 0,
  );
}

async function metrics(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

test("the program follows the EndpointSlices of a real API server, and ends on SIGTERM", {
  timeout: 120_000,
}, async () => {
  const port = await freePort();
  await writeSlice(backends);
  const agent = startAgent(port);
  try {
    await until(async () => (await status(port, "/readyz")) === 200, "ready", 30_000);
    assert.deepEqual(await states(), ["chat-a ready", "chat-b ready"]);
    await until(async () => (await servers()).every(({ up }) => up), "both up");

    await writeSlice(backends, ["chat-a"]);
    await until(async () => (await states()).includes("chat-a drain"), "drain");
    await writeSlice(backends.slice(1));
    await until(async () => (await states()).join() === "chat-b ready", "deletion");

    // HAProxy starts anew and empty.
    await haproxy.kill();
    await until(async () => (await status(port, "/readyz")) === 503, "not ready without HAProxy");
    assert.equal(await status(port, "/healthz"), 200);
    await haproxy.restart();
    await until(async () => (await states()).join() === "chat-b ready", "its servers are back");
    await until(async () => (await status(port, "/readyz")) === 200, "ready again");

    // An API server away takes no server away, and what it says afterwards is heard.
    await api.kill();
    await until(async () => /watch_restarts_total\{reason="error"\}/.test(await metrics(port)), "the watch has ended");
    assert.equal(await status(port, "/readyz"), 200);
    assert.deepEqual(await states(), ["chat-b ready"]);
    await api.restart();
    await writeSlice(backends);
    await until(async () => (await states()).length === 2, "the second server is back", 60_000);

    await until(async () => /ingress_servers\{state="ready"\} 2/.test(await metrics(port)), "and counted");
  } finally {
    agent.kill("SIGTERM");
  }
  const [code] = await once(agent, "exit");
  assert.equal(code, 0);
  await client.delete(EndpointSlice, { namespace: "default", name: "sample-chat-1" });
});

test("a wrong environment ends it with its name", async () => {
  const agent = startAgent(0, { AGENT_SERVICE: "", AGENT_PORT: "none" });
  assert.ok(agent.stdout);
  const [output, [code]] = await Promise.all([text(agent.stdout), once(agent, "exit")]);
  assert.equal(code, 1);
  assert.match(output, /AGENT_SERVICE is required/);
  assert.match(output, /AGENT_PORT/);
});
