import assert from "node:assert/strict";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { certificateAuthority, leafCertificate } from "@chatcluster/local/pki";
import { type Haproxy, startHaproxy } from "@chatcluster/local/services";
import { renderHaproxyConfig } from "@chatcluster/operator/ingress/haproxy-config";
import { CHAT_BACKEND } from "@chatcluster/operator/ingress/ports";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { ChatPage, withoutWebSockets } from "./chat-page.ts";
import { type PageServer, startPageServer } from "./page-server.ts";

/** More than the six connections that a browser opens to one host over HTTP/1.1. */
const TABS = 8;

let folder: string;
let browser: Browser;
let server: PageServer;
let haproxy: Haproxy;
let address: string;

/** The page's server behind HAProxy, as the operator configures it for a ChatCluster with TLS. */
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "chat-ingress-"));
  const authority = await certificateAuthority(folder, "authority");
  const usages = ["server"] as const;
  const request = { name: "chat", commonName: "chat", usages, hosts: ["127.0.0.1"] };
  const pair = await leafCertificate(folder, authority, request);
  // HAProxy looks for the key in `FILE.key`.
  const certificate = pair.certificateFile;
  await rename(pair.keyFile, `${certificate}.key`);
  [browser, server] = await Promise.all([launchBrowser(), startPageServer({ CHAT_MAX_CONNECTIONS_PER_USER: "20" })]);
  haproxy = await startHaproxy({
    config: ({ port, statsPort, socket }) =>
      renderHaproxyConfig({
        hashOn: "user",
        balanceFactor: 0,
        drainSeconds: 5,
        maxConnections: 1_000,
        connectionRatePerAddress: 0,
        accessLog: false,
        threads: 1,
        tls: { certificate, hstsSeconds: 600 },
        listen: { address: "127.0.0.1", httpsPort: port, metricsPort: statsPort, socket },
      }),
  });
  const name = `${CHAT_BACKEND}/page`;
  assert.match(await haproxy.runtime(`add server ${name} 127.0.0.1:${server.port}`), /registered/);
  assert.equal(await haproxy.runtime(`set server ${name} state ready`), "");
  address = `https://127.0.0.1:${haproxy.port}/`;
});
after(async () => {
  await browser?.close();
  await haproxy?.stop();
  await server?.stop();
  await rm(folder, { recursive: true });
});

/** Which protocol carries what the page asks for from now on, by path: as the browser's own network log has it (ALPN names, RFC 7301). */
async function protocols(page: Page): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  const session = await page.context().newCDPSession(page);
  session.on("Network.responseReceived", ({ response }) =>
    seen.set(new URL(response.url).pathname, response.protocol ?? ""),
  );
  await session.send("Network.enable");
  return seen;
}

test("through the ingress, over TLS, a WebSocket carries the chat", async () => {
  const alice = await ChatPage.signedIn(browser, address, "alice", { ignoreHTTPSErrors: true });
  await alice.line.getByText("WebSocket").waitFor();
  await alice.startDirect("bob");
  await alice.write("over TLS");
  await alice.marked("over TLS", "sent");
  await alice.close();
  assert.deepEqual(alice.complaints, []);
});

test("server-sent events come over HTTP/2, so that more tabs than HTTP/1.1 has connections are live at once", async () => {
  const alice = await ChatPage.open(browser, address, { ignoreHTTPSErrors: true });
  await withoutWebSockets(alice.page.context());
  const seen = await protocols(alice.page);
  await alice.page.reload();
  await alice.signIn("alice");
  await alice.line.getByText("SSE").waitFor();
  await until(() => seen.get("/events") === "h2", "the stream of events over HTTP/2", undefined, {
    detail: () => JSON.stringify([...seen]),
  });
  assert.deepEqual([...new Set(seen.values())], ["h2"], "everything else as well");

  const tabs = [alice];
  while (tabs.length < TABS) {
    const tab = await alice.anotherTab();
    await tab.signIn("alice");
    await tab.line.getByText("SSE").waitFor();
    tabs.push(tab);
  }
  const bob = await server.client("bob");
  const { id } = await bob.createConversation({ kind: "direct", memberIds: ["alice"] });
  await bob.send(id, "to all of them");
  for (const tab of tabs) await tab.row("bob").getByText("to all of them").waitFor();
  bob.close();
  await alice.page.context().close();
  assert.deepEqual(
    tabs.flatMap(({ complaints }) => complaints),
    [],
  );
});
