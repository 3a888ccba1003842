import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { CodedError } from "@chatcluster/foundation/errors";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { TokenVerifier } from "./token-verifier.ts";

/** A key server (RFC 7517): what it has may change, and it may have nothing to say. */
class KeyServer {
  readonly url: string;
  keys: JWK[] = [];
  asked = 0;
  answer: "keys" | "error" | "nothing" = "keys";
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    server.on("request", (_request, response) => {
      this.asked++;
      if (this.answer === "error") response.writeHead(500).end();
      if (this.answer === "keys")
        response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: this.keys }));
    });
  }

  static async start(): Promise<KeyServer> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new KeyServer(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

async function signer(kid: string, algorithm = "ES256") {
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  const sign = (userId: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: algorithm, kid })
      .setSubject(userId)
      .setExpirationTime("5m")
      .sign(privateKey);
  return { jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm }, sign };
}

describe("tokens checked with the keys of a key server", () => {
  let server: KeyServer;
  before(async () => {
    server = await KeyServer.start();
  });
  after(() => server.close());
  const verifier = (t: TestContext) => {
    Object.assign(server, { keys: [], asked: 0, answer: "keys" });
    t.after(() => Object.assign(server, { answer: "keys" }));
    return new TokenVerifier({ jwksUrl: server.url });
  };
  const code = async (verification: Promise<unknown>) => {
    try {
      await verification;
    } catch (error) {
      return error instanceof CodedError ? error.code : error;
    }
    return "verified";
  };

  test("takes those of its keys, asking once for many, and no others", async (t) => {
    const tokens = verifier(t);
    const [known, other] = [await signer("one"), await signer("one")];
    server.keys = [known.jwk];
    assert.equal((await tokens.verify(await known.sign("alice"))).userId, "alice");
    for (let index = 0; index < 20; index++) await tokens.verify(await known.sign("bob"));
    assert.equal(server.asked, 1);
    assert.equal(await code(tokens.verify(await other.sign("mallory"))), "unauthenticated");
  });

  test("a new key is known when its first token comes, and an old one is forgotten with it", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    const tokens = verifier(t);
    const [old, next] = [await signer("old"), await signer("next", "EdDSA")];
    server.keys = [old.jwk];
    await tokens.verify(await old.sign("alice"));
    server.keys = [next.jwk];
    // A key server is not asked again within half a minute, whoever makes up key ids.
    assert.equal(await code(tokens.verify(await next.sign("alice"))), "unauthenticated");
    assert.equal(server.asked, 1);
    t.mock.timers.tick(31_000);
    assert.equal((await tokens.verify(await next.sign("alice"))).userId, "alice");
    assert.equal(server.asked, 2);
    assert.equal(await code(tokens.verify(await old.sign("alice"))), "unauthenticated");
  });

  test("one that fails, hangs or is away is said to be so, which is not the token's fault", async (t) => {
    const key = await signer("one");
    const failing = verifier(t);
    server.keys = [key.jwk];
    server.answer = "error";
    assert.equal(await code(failing.verify(await key.sign("alice"))), "unavailable");
    server.answer = "nothing";
    assert.equal(await code(failing.verify(await key.sign("alice"))), "unavailable");
    const gone = await KeyServer.start();
    await gone.close();
    assert.equal(await code(new TokenVerifier({ jwksUrl: gone.url }).verify(await key.sign("alice"))), "unavailable");
    server.answer = "keys";
    assert.equal((await failing.verify(await key.sign("alice"))).userId, "alice", "and back without a restart");
  });
});
