import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import fastify from "fastify";
import { TokenVerifier } from "../auth/token-verifier.ts";
import { type PageOptions, registerPages } from "./pages.ts";

const SECRET = "a secret of the tests, 32 bytes or more";
const HTML = { accept: "text/html,application/xhtml+xml" };

describe("the web pages", () => {
  const apps: ReturnType<typeof fastify>[] = [];
  after(() => Promise.all(apps.map((app) => app.close())));
  const serve = (options: Partial<PageOptions> = {}) => {
    const app = fastify();
    registerPages(app, { index: () => ({ name: "index" }), dashboard: "off", ...options });
    apps.push(app);
    return app;
  };

  test("a browser gets the page, a program the index", async () => {
    const app = serve();
    const page = await app.inject({ url: "/", headers: HTML });
    assert.equal(page.statusCode, 200);
    assert.match(page.headers["content-type"] ?? "", /^text\/html/);
    assert.match(page.body, /<title>ChatCluster<\/title>/);
    assert.deepEqual((await app.inject("/")).json(), { name: "index" });
    for (const { headers } of [page, await app.inject("/")]) assert.equal(headers.vary, "accept");
  });

  test("all that a page loads is there, under a policy that allows nothing inline and nothing from elsewhere", async () => {
    const app = serve();
    for (const [page, name] of [
      ["/", "chat"],
      ["/document", "document"],
    ] as const) {
      const { body } = await app.inject({ url: page, headers: HTML });
      const loaded = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? "");
      const assets = [...new Set(loaded.filter((path) => path.startsWith("/assets/")))];
      assert.deepEqual(assets.sort(), [`/assets/${name}.css`, `/assets/${name}.js`, "/assets/icon.svg"]);
      for (const url of [...assets, page]) {
        const { statusCode, headers } = await app.inject({ url, headers: HTML });
        assert.equal(statusCode, 200, url);
        assert.equal(headers["x-content-type-options"], "nosniff");
        const policy = String(headers["content-security-policy"]);
        assert.match(policy, /default-src 'none'/);
        assert.match(policy, /frame-ancestors 'none'/);
        assert.doesNotMatch(policy, /unsafe|\*|https?:/);
      }
      assert.doesNotMatch(body, /<script>|<style|style=|\son\w+=/);
    }
  });

  test("what a browser has already is not sent again", async () => {
    const app = serve();
    const { headers } = await app.inject("/assets/chat.js");
    const etag = String(headers.etag);
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await app.inject({ url: "/assets/chat.js", headers: { "if-none-match": condition } });
      assert.equal(again.statusCode, 304, condition);
      assert.equal(again.body, "");
    }
    const other = await app.inject({ url: "/assets/chat.js", headers: { "if-none-match": '"other"' } });
    assert.equal(other.statusCode, 200);
  });

  test("no other file can be asked for", async () => {
    const app = serve();
    for (const url of ["/assets/build.ts", "/assets/..%2f..%2fpackage.json", "/assets/", "/assets/%00", "/live"])
      assert.equal((await app.inject({ url, headers: HTML })).statusCode, 404, url);
  });

  test("signing in without a token is for this machine's own browsers, and only with the development secret", async () => {
    const ask = (app: ReturnType<typeof fastify>, more: object = {}) =>
      app.inject({
        method: "POST",
        url: "/development/token",
        headers: { host: "localhost:8080" },
        payload: { userId: "alice" },
        ...more,
      });
    const production = serve();
    assert.equal((await ask(production)).statusCode, 404);
    assert.deepEqual((await production.inject("/settings.json")).json(), { dashboard: "off" });

    const development = serve({ developmentSecret: SECRET });
    const answer = await ask(development);
    const { userId } = await new TokenVerifier({ secret: SECRET }).verify((answer.json() as { token: string }).token);
    assert.equal(userId, "alice");
    assert.equal(answer.headers["cache-control"], "no-store");

    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8080"])
      assert.equal((await ask(development, { headers: { host } })).statusCode, 403, host);
    for (const remoteAddress of ["192.168.1.7", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"])
      assert.equal((await ask(development, { remoteAddress })).statusCode, 403, remoteAddress);
    assert.equal((await ask(development, { payload: { userId: "a b" } })).statusCode, 400);
    const form = { host: "localhost", "content-type": "application/x-www-form-urlencoded" };
    assert.equal((await ask(development, { headers: form, payload: "userId=alice" })).statusCode, 415);

    const settings = (options: object) => development.inject({ url: "/settings.json", ...options });
    assert.deepEqual((await settings({ headers: { host: "localhost" } })).json().developmentUsers, [
      "alice",
      "bob",
      "carol",
    ]);
    const elsewhere = await settings({ headers: { host: "localhost" }, remoteAddress: "192.168.1.7" });
    assert.equal(elsewhere.json().developmentUsers, undefined);
  });
});
