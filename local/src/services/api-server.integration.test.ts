import assert from "node:assert/strict";
import { test } from "node:test";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { runCommand } from "../tools/command.ts";
import { tool } from "../tools/index.ts";
import { startApiServer } from "./api-server.ts";

test("objects survive the API server's end, RBAC is enforced, and service accounts get tokens", async () => {
  await using server = await startApiServer();
  const core = clientOf(server.kubeconfig);
  await core.createNamespacedConfigMap({
    namespace: "default",
    body: { metadata: { name: "kept" }, data: { key: "value" } },
  });
  await server.kill();
  await assert.rejects(core.readNamespacedConfigMap({ namespace: "default", name: "kept" }));
  await server.restart();
  const kept = await core.readNamespacedConfigMap({ namespace: "default", name: "kept" });
  assert.equal(kept.data?.key, "value");

  await core.createNamespacedServiceAccount({ namespace: "default", body: { metadata: { name: "nobody" } } });
  const issued = await core.createNamespacedServiceAccountToken({
    namespace: "default",
    name: "nobody",
    body: { spec: { audiences: [] } },
  });
  const nobody = clientOf(server.kubeconfig.replace(server.token, issued.status?.token ?? ""));
  await assert.rejects(
    nobody.listNamespacedConfigMap({ namespace: "default" }),
    /system:serviceaccount:default:nobody.*cannot list/s,
  );
});

test("kubectl works with the kubeconfig file", async () => {
  await using server = await startApiServer();
  const output = await runCommand(await tool("kubectl"), ["get", "namespaces"], {
    env: { KUBECONFIG: server.kubeconfigFile },
  });
  assert.match(output, /default\s+Active/);
});

function clientOf(kubeconfig: string): CoreV1Api {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  return config.makeApiClient(CoreV1Api);
}
