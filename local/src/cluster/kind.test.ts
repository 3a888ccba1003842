import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { buildCommands, createCommand, deleteCommand, kindConfig, kindImages, loadCommand } from "./kind.ts";

const settings = { state: "/var/lib/chatcluster", name: "chatcluster" };

describe("a cluster of kind", () => {
  it("has the way in on 127.0.0.1 only, and a worker for each further node", () => {
    const config = parse(kindConfig({ nodes: 3, ports: { api: 7443, ingress: 7080 } }));
    assert.deepEqual(config.networking, { apiServerAddress: "127.0.0.1", apiServerPort: 7443 });
    assert.deepEqual(
      config.nodes.map(({ role }: { role: string }) => role),
      ["control-plane", "worker", "worker"],
    );
    assert.deepEqual(config.nodes[0].extraPortMappings, [
      { containerPort: 30080, hostPort: 7080, listenAddress: "127.0.0.1" },
    ]);
  });

  it("is made and removed under the cluster's name, with the kubeconfig in its state", () => {
    assert.deepEqual(createCommand(settings).args.slice(0, 6), [
      ..."create cluster --name chatcluster --kubeconfig /var/lib/chatcluster/kubeconfig".split(" "),
    ]);
    assert.deepEqual(deleteCommand(settings).args.slice(0, 4), ["delete", "cluster", "--name", "chatcluster"]);
  });

  it("gets every image that the charts name, built from its Dockerfile", () => {
    for (const { program, args } of buildCommands()) {
      assert.equal(program, "docker");
      const file = args[args.indexOf("--file") + 1];
      assert.ok(file && existsSync(file), `${file} is missing`);
    }
    const loaded = loadCommand(settings).args;
    for (const ref of Object.values(kindImages())) assert.ok(loaded.includes(ref), `${ref} is not loaded`);
  });
});
