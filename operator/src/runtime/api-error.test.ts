import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "./api-error.ts";

test("a field that a kind does not have is invalid, not an API server that is away", () => {
  const message =
    "failed to create typed patch object (default/a; apps/v1, Kind=Deployment): .spec.template.spec.colour: field not declared in schema";
  assert.equal(new ApiError("apply Deployment default/a", 500, { message }).code, "kubernetes_invalid");
  assert.equal(new ApiError("apply Deployment default/a", 500, { message: "etcd" }).code, "kubernetes_unavailable");
});
