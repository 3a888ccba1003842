import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { createLogger } from "@chatcluster/foundation/logger";
import { certificateAuthority, type KeyPair, leafCertificate } from "@chatcluster/local/pki";
import { type Haproxy, startHaproxy } from "@chatcluster/local/services";
import { Registry } from "prom-client";
import { renderHaproxyConfig } from "../ingress/haproxy-config.ts";
import { CertificateReloader } from "./certificate-reloader.ts";
import { AgentMetrics } from "./metrics.ts";
import { RuntimeApi } from "./runtime-api.ts";

let folder: string;
let certificate: string;
let authority: KeyPair;
let haproxy: Haproxy;
let reloader: CertificateReloader;
let metrics: AgentMetrics;

/** Writes what the kubelet would, and gives the certificate's common name. */
async function mount(name: string): Promise<string> {
  const request = { name, commonName: name, usages: ["server"] as const, hosts: ["chat.example"] };
  const pair = await leafCertificate(join(folder, "pki"), authority, request);
  await copyFile(pair.certificateFile, certificate);
  await copyFile(pair.keyFile, `${certificate}.key`);
  return name;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "ingress-tls-"));
  certificate = join(folder, "tls.pem");
  authority = await certificateAuthority(join(folder, "pki"), "test-authority");
  await mount("first");
  haproxy = await startHaproxy({
    config: ({ port, statsPort, socket }) =>
      renderHaproxyConfig({
        hashOn: "user",
        balanceFactor: 0,
        drainSeconds: 5,
        maxConnections: 1000,
        connectionRatePerAddress: 0,
        accessLog: false,
        threads: 1,
        tls: { certificate, hstsSeconds: 600 },
        listen: { address: "127.0.0.1", httpsPort: port, metricsPort: statsPort, socket },
      }),
  });
  metrics = new AgentMetrics(new Registry());
  const api = new RuntimeApi({ socket: haproxy.socket });
  reloader = new CertificateReloader({ api, file: certificate, metrics, logger: createLogger("test", "silent") });
});
after(async () => {
  await haproxy?.stop();
  await rm(folder, { recursive: true });
});

async function open(options: { ALPNProtocols?: string[]; maxVersion?: "TLSv1.1" } = {}): Promise<TLSSocket> {
  const socket = connect({
    host: "127.0.0.1",
    port: haproxy.port,
    servername: "chat.example",
    ca: authority.certificate,
    ...(options.maxVersion ? { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } : {}),
    ...options,
  });
  await once(socket, "secureConnect");
  return socket;
}

/** One request on an open connection, which stays open. There is no server behind: the answer is HAProxy's own. */
async function ask(socket: TLSSocket): Promise<string> {
  socket.write("GET / HTTP/1.1\r\nHost: chat.example\r\n\r\n");
  const [answer] = (await once(socket, "data", { signal: AbortSignal.timeout(5_000) })) as [Buffer];
  return answer.toString();
}

async function servedName(): Promise<string> {
  const socket = await open();
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

test("TLS 1.2 and newer with HTTP/2, and browsers are told to insist on it", async () => {
  const socket = await open({ ALPNProtocols: ["h2", "http/1.1"] });
  assert.equal(socket.alpnProtocol, "h2");
  assert.equal(socket.getProtocol(), "TLSv1.3");
  socket.destroy();
  await assert.rejects(open({ maxVersion: "TLSv1.1" }), /protocol version|alert/);
  const plain = await open();
  assert.match(await ask(plain), /^HTTP\/1\.1 503[\s\S]*strict-transport-security: max-age=600/i);
  plain.destroy();
});

test("a renewed certificate is taken up while open connections stay; one that does not fit its key changes nothing", async () => {
  const before = await open();
  await ask(before);
  const renewed = await mount("second");
  await reloader.reload();
  assert.equal(await servedName(), renewed);
  assert.match(await ask(before), /^HTTP\/1\.1 503/, "the open connection goes on");
  const { values } = await metrics.certificateEnd.get();
  assert.ok((values[0]?.value ?? 0) > Date.now() / 1000);

  const pki = join(folder, "pki");
  await leafCertificate(pki, authority, { name: "third", commonName: "third", usages: ["server"], hosts: [] });
  await copyFile(join(pki, "third.key"), `${certificate}.key`);
  await reloader.reload();
  assert.equal(await servedName(), renewed);
  assert.match(await ask(before), /^HTTP\/1\.1 503/);
  const { values: reloads } = await metrics.certificateReloads.get();
  assert.deepEqual(
    reloads.map(({ labels, value }) => [labels.result, value]),
    [
      ["ok", 1],
      ["haproxy_unexpected_answer", 1],
    ],
  );
  await mount("fourth");
  await reloader.reload();
  assert.equal(await servedName(), "fourth");
  before.destroy();
});

test("no error of a command holds a key", async () => {
  const api = new RuntimeApi({ socket: haproxy.socket });
  const secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----";
  const error = await api.replaceCertificate("/nowhere.pem", secret).then(
    () => assert.fail("taken"),
    (reason: Error) => reason,
  );
  assert.match(error.message, /set ssl cert \/nowhere\.pem/);
  assert.doesNotMatch(error.message, /c2VjcmV0|PRIVATE/);
});
