import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jwtVerify } from "jose";
import { signToken } from "./token.ts";

describe("a developer's token", () => {
  const key = new TextEncoder().encode("0123456789abcdef0123456789abcdef");

  it("names the user and ends after 12 hours", async () => {
    const { payload, protectedHeader } = await jwtVerify(await signToken(key, "alice"), key);
    assert.equal(payload.sub, "alice");
    assert.equal(protectedHeader.alg, "HS256");
    assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 12 * 3600);
  });

  it("is signed with the given key", async () => {
    const other = new TextEncoder().encode("another key of at least 32 bytes");
    await assert.rejects(jwtVerify(await signToken(key, "alice"), other), {
      code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
    });
  });
});
