import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { ChatPage } from "./chat-page.ts";
import { startPageServer } from "./page-server.ts";

describe("the live dashboard in a browser", () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  test("it draws connections, rates and percentiles as they come", async (t) => {
    const server = await startPageServer();
    t.after(() => server.stop());
    const [alice, bob] = await Promise.all(
      ["alice", "bob"].map((userId) => ChatPage.signedIn(browser, server.address, userId)),
    );
    assert.ok(alice && bob);
    const live = await ChatPage.open(browser, `${server.address}live`);
    const { page } = live;
    const tile = (name: string) => page.locator(".tile", { hasText: name }).locator("dd");
    await page.getByRole("status").getByText("Live").waitFor();
    await tile("Connections").getByText("2", { exact: true }).waitFor();
    await bob.page.getByRole("button", { name: "Go offline" }).click();
    await tile("Connections").getByText("1", { exact: true }).waitFor();

    await alice.startDirect("bob");
    await alice.write("to be counted");
    await alice.marked("to be counted", "sent");
    await page.getByRole("img", { name: /^Time until stored: now p50 [\d.]+ ms, p95/ }).waitFor();
    await page.getByRole("img", { name: /^Time to delivery: now p50 [\d.]+ ms, p95/ }).waitFor();
    await page.getByRole("table").getByRole("row").nth(1).waitFor();
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(
      violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`),
      [],
    );
    assert.deepEqual(live.complaints, []);
  });

  test("with a token only, where that is wanted", async (t) => {
    const server = await startPageServer({ CHAT_DASHBOARD: "token" });
    t.after(() => server.stop());
    const events = await fetch(`${server.address}live/events`);
    assert.equal(events.status, 401);
    assert.match(await events.text(), /unauthenticated/);
    const live = await ChatPage.open(browser, `${server.address}live`);
    await live.page.getByRole("status").getByText("Sign in").waitFor();
    await live.page.goto(server.address);
    await live.page.getByRole("button", { name: "alice" }).click();
    await live.online();
    await live.page.goto(`${server.address}live`);
    await live.page.getByRole("status").getByText("Live").waitFor();
  });

  test("not at all, where it is off", async (t) => {
    const server = await startPageServer({ CHAT_DASHBOARD: "off" });
    t.after(() => server.stop());
    for (const path of ["live", "live/events"])
      assert.equal((await fetch(server.address + path, { headers: { accept: "text/html" } })).status, 404, path);
    const chat = await ChatPage.signedIn(browser, server.address, "alice");
    assert.equal(await chat.page.getByRole("link", { name: "Dashboard" }).count(), 0);
  });
});
