import assert from "node:assert/strict";
import { test } from "node:test";
import { requiredVersion } from "./go.ts";

const goMod = `module example

require k8s.io/kubernetes v1.36.3

require (
	k8s.io/api v0.36.3 // indirect
)

replace k8s.io/kubernetes-other => k8s.io/kubernetes-other v0.1.0
`;

test("a module's version is read from either form of require", () => {
  assert.equal(requiredVersion(goMod, "k8s.io/kubernetes"), "v1.36.3");
  assert.equal(requiredVersion(goMod, "k8s.io/api"), "v0.36.3");
});

test("a module that is not required is named", () => {
  assert.throws(() => requiredVersion(goMod, "k8s.io/client-go"), /does not require k8s.io\/client-go/);
});
