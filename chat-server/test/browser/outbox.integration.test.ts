import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import type { Browser } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { ChatPage } from "./chat-page.ts";
import { type PageServer, startPageServer } from "./page-server.ts";

/** Enough that an order by chance would show. */
const TEXTS = ["one", "two", "three", "four", "five", "six", "seven"];

describe("the outbox of a page", () => {
  let browser: Browser;
  let server: PageServer;
  let users = 0;
  const closers: (() => unknown)[] = [];
  before(async () => {
    [browser, server] = await Promise.all([launchBrowser(), startPageServer()]);
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  /** Alice's page in a conversation with a program that notes what it gets. */
  const start = async () => {
    const readerId = `reader-${++users}`;
    const reader = await server.client(readerId);
    const got: string[] = [];
    reader.on("message", ({ text }) => got.push(text));
    const alice = await ChatPage.signedIn(browser, server.address, "alice");
    closers.push(
      () => reader.close(),
      () => alice.close(),
    );
    await alice.startDirect(readerId);
    const has = (texts: readonly string[]) => until(() => got.length >= texts.length, `${texts}, got ${got}`);
    /** All that is stored of the conversation: a message that was stored twice would show. */
    const stored = async () => {
      const [listed] = (await reader.listConversations()).conversations;
      const { messages } = await reader.fetchHistory(listed?.conversation.id ?? "");
      return messages.map(({ text }) => text).reverse();
    };
    return { alice, readerId, got, has, stored };
  };
  const writeOffline = async (page: ChatPage) => {
    // A tab in the background draws nothing, and takes clicks once a second.
    await page.page.bringToFront();
    await page.goOffline();
    for (const text of TEXTS) await page.write(text);
    await page.marked("seven", "waiting to be sent");
  };

  test("what was written offline survives a reload, and leaves once, in order", async () => {
    const { alice, readerId, got, has, stored } = await start();
    await writeOffline(alice);
    await alice.page.reload();
    await alice.online();
    await has(TEXTS);
    await alice.row(readerId).click();
    await alice.marked("seven", "delivered");
    assert.deepEqual(got, TEXTS);
    assert.deepEqual(await stored(), TEXTS);
    assert.deepEqual(
      await alice.page.locator(".message .text").allTextContents(),
      TEXTS,
      "each once on the page that wrote them",
    );
  });

  test("what a closed tab had not sent is taken over by another tab at once, and not before it is closed", async () => {
    const { alice, readerId, got, has, stored } = await start();
    const other = await alice.anotherTab();
    await other.signIn("alice");
    await other.row(readerId).click();
    await writeOffline(alice);
    await other.page.bringToFront();
    await other.write("from the other tab");
    await other.marked("from the other tab", "delivered");
    assert.deepEqual(got, ["from the other tab"], "the first tab lives: its messages are its own");

    const third = await alice.anotherTab();
    await third.signIn("alice");
    await third.row(readerId).click();
    await third.write("from a third tab");
    await third.marked("from a third tab", "delivered");
    assert.deepEqual(got, ["from the other tab", "from a third tab"], "nor are they taken by one that comes later");

    await alice.page.close();
    const all = ["from the other tab", "from a third tab", ...TEXTS];
    await has(all);
    await third.marked("seven", "delivered");
    assert.deepEqual(got, all);
    assert.deepEqual(await stored(), all);
  });

  test("what the last tab had not sent leaves when the user comes again", async () => {
    const { alice, readerId, got, has, stored } = await start();
    await writeOffline(alice);
    const later = await alice.anotherTab();
    await alice.page.close();
    await later.page.getByRole("button", { name: "bob" }).waitFor();
    await later.signIn("bob");
    assert.equal(await later.row(readerId).count(), 0, "another user's messages are not touched");
    await later.page.getByRole("button", { name: "Sign out" }).click();
    await later.signIn("alice");
    await has(TEXTS);
    await later.row(readerId).click();
    await later.marked("seven", "delivered");
    assert.deepEqual(got, TEXTS);
    assert.deepEqual(await stored(), TEXTS);
  });

  test("where there are no Web Locks a reload loses nothing, and nothing is stored twice", async () => {
    const { alice, readerId, got, has, stored } = await start();
    await alice.page.context().addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
    await alice.page.reload();
    await alice.online();
    await alice.row(readerId).click();
    await writeOffline(alice);
    const other = await alice.anotherTab();
    await other.signIn("alice");
    await has(TEXTS);
    await alice.page.getByRole("button", { name: "Come back" }).click();
    await alice.marked("seven", "delivered");
    assert.deepEqual(got, TEXTS);
    assert.deepEqual(await stored(), TEXTS);
  });

  test("signing out leaves the messages for the next session, in the same tab too", async () => {
    const { alice, got, has, stored } = await start();
    await writeOffline(alice);
    await alice.page.getByRole("button", { name: "Sign out" }).click();
    await alice.signIn("alice");
    await has(TEXTS);
    assert.deepEqual(got, TEXTS);
    assert.deepEqual(await stored(), TEXTS);
  });
});
