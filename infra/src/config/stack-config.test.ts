import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readStackConfig } from "./stack-config.ts";

const folder = mkdtempSync(join(tmpdir(), "stack-config-"));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "kubeconfig"), "kind: Config\n");
const env = { CHATCLUSTER_STATE: folder };

const least = { "chatcluster:provider": "local", "chatcluster:chatCluster": '{"name":"sample"}' };

function read(changes: Record<string, string>) {
  return readStackConfig({ ...least, ...changes }, "chatcluster", env);
}

test("two keys are enough; the rest has defaults", () => {
  assert.deepEqual(read({ "kubernetes:suppressDeprecationWarnings": "true" }), {
    provider: "local",
    kubeconfig: join(folder, "kubeconfig"),
    operator: { namespace: "chatcluster-system", createNamespace: true, keepCrds: true, values: {} },
    chatCluster: { name: "sample", namespace: "default", createNamespace: false, waitUntilReady: true, spec: {} },
  });
});

test("a provider that does not exist is refused with those that do", () => {
  assert.throws(
    () => read({ "chatcluster:provider": "aws" }),
    /chatcluster:provider is "aws", which is not supported: use one of local/,
  );
});

test("a missing key is named", () => {
  assert.throws(
    () => readStackConfig({}, "chatcluster", env),
    (error: Error) => {
      assert.match(error.message, /chatcluster:provider is required/);
      assert.match(error.message, /chatcluster:chatCluster is required/);
      return true;
    },
  );
  assert.throws(() => read({ "chatcluster:chatCluster": "{}" }), /chatcluster:chatCluster\.name is required/);
});

test("a misspelt key is refused at every level", () => {
  assert.throws(() => read({ "chatcluster:kubeConfig": "x" }), /chatcluster:kubeConfig is unknown/);
  assert.throws(
    () => read({ "chatcluster:operator": '{"keepCRDs":false}' }),
    /chatcluster:operator\.keepCRDs is unknown/,
  );
  assert.throws(
    () => read({ "chatcluster:chatCluster": '{"name":"a","spec":{"servers":{"minimum":2}}}' }),
    /chatcluster:chatCluster\.spec\.servers\.minimum is unknown/,
  );
});

test("an ill-typed value is refused by its key, and all that is wrong is told at once", () => {
  const chatCluster = JSON.stringify({
    name: "A",
    waitUntilReady: "yes",
    spec: { servers: { min: "2" }, cassandra: { nodes: 0 } },
  });
  assert.throws(
    () => read({ "chatcluster:chatCluster": chatCluster, "chatcluster:operator": "x" }),
    (error: Error) => {
      assert.match(error.message, /chatcluster:chatCluster\.name /);
      assert.match(error.message, /chatcluster:chatCluster\.waitUntilReady /);
      assert.match(error.message, /chatcluster:chatCluster\.spec\.servers\.min /);
      assert.match(error.message, /chatcluster:chatCluster\.spec\.cassandra\.nodes /);
      assert.match(error.message, /chatcluster:operator must be an object/);
      return true;
    },
  );
});

test("a kubeconfig that is not there is named", () => {
  assert.throws(
    () => read({ "chatcluster:kubeconfig": "/nowhere/kubeconfig" }),
    /names \/nowhere\/kubeconfig, which does not exist/,
  );
});
