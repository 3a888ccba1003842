import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { takenPorts } from "./preflight.ts";
import { loadSettings } from "./settings.ts";

describe("before anything is started", () => {
  it("ports on which another program listens are found", async () => {
    const state = mkdtempSync(join(tmpdir(), "preflight-"));
    const listen = async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return { server, port: (server.address() as AddressInfo).port };
    };
    const taken = await listen();
    const freed = await listen();
    await new Promise((resolve) => freed.server.close(resolve));
    try {
      const ports = { api: taken.port, ingress: freed.port };
      assert.deepEqual(await takenPorts({ state, name: "chatcluster-test" }, ports), [taken.port]);
    } finally {
      taken.server.close();
      rmSync(state, { recursive: true });
    }
  });

  it("a state folder that nodes could not see, and a foreign name, are refused", () => {
    assert.deepEqual(loadSettings({}), { state: "/var/lib/chatcluster", name: "chatcluster" });
    for (const state of ["/run/chatcluster", "/var/log/x", "relative", "/a b"])
      assert.throws(() => loadSettings({ CHATCLUSTER_STATE: state }), { code: "invalid_configuration" });
    assert.throws(() => loadSettings({ CHATCLUSTER_NAME: "other" }), { code: "invalid_configuration" });
    assert.equal(loadSettings({ CHATCLUSTER_NAME: "chatcluster-test" }).name, "chatcluster-test");
  });
});
