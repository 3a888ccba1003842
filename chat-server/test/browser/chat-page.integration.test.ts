import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { ChatPage, withoutWebSockets } from "./chat-page.ts";
import { type PageServer, startPageServer } from "./page-server.ts";

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true } as const;

describe("the chat page in a browser", () => {
  let browser: Browser;
  let server: PageServer;
  let open: ChatPage[] = [];
  before(async () => {
    [browser, server] = await Promise.all([launchBrowser(), startPageServer()]);
  });
  afterEach(async () => {
    const complaints = open.flatMap((chat) => chat.complaints);
    await Promise.all(open.map((chat) => chat.close()));
    open = [];
    // A refused connection while the server is away is what such a test is about.
    assert.deepEqual(
      complaints.filter((text) => !/WebSocket connection to .* failed/.test(text)),
      [],
    );
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  const signIn = async (userId: string, options: BrowserContextOptions = {}) => {
    const chat = await ChatPage.signedIn(browser, server.address, userId, options);
    open.push(chat);
    return chat;
  };
  const accessible = async (chat: ChatPage, what: string) => {
    const { violations } = await new AxeBuilder({ page: chat.page }).analyze();
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(found, [], what);
  };

  test("two people write to each other, and see what became of each message", async () => {
    const [alice, bob] = await Promise.all([signIn("alice"), signIn("bob")]);
    await alice.startDirect("bob");
    await alice.write("Hello Bob");
    await alice.marked("Hello Bob", "delivered");
    await bob.row("alice").getByText("Hello Bob").waitFor();
    await bob.row("alice").getByRole("img", { name: "1 unread" }).waitFor();
    assert.equal(await bob.page.title(), "(1) ChatCluster");
    assert.equal(await alice.message("Hello Bob").getByRole("img", { name: "read" }).count(), 0, "nobody has read it");

    await bob.row("alice").click();
    await alice.marked("Hello Bob", "read");
    assert.equal(await bob.row("alice").getByRole("img").count(), 0, "nothing is unread");
    assert.equal(await bob.page.title(), "ChatCluster");

    const markup = `<img src=x onerror="document.title='run'"> & <b>bold</b>`;
    await bob.write(markup);
    assert.equal(await alice.message("onerror").locator(".text").textContent(), markup, "a text, not markup");
    assert.equal(await alice.page.title(), "ChatCluster");
    await alice.page.locator("#announcer").getByText(`bob: ${markup}`).waitFor({ state: "attached" });
  });

  test("what is written to somebody offline arrives later; what is written offline leaves later", async () => {
    const [alice, carol] = await Promise.all([signIn("alice"), signIn("carol")]);
    await alice.startDirect("carol");
    await alice.write("one");
    await carol.row("alice").waitFor();
    await carol.page.getByRole("button", { name: "Go offline" }).click();
    await carol.page.getByRole("status").getByText("Offline").waitFor();

    await alice.write("two");
    await alice.marked("two", "sent");
    await carol.row("alice").click();
    await carol.write("from offline");
    await carol.marked("from offline", "waiting to be sent");
    await carol.page.reload();
    await carol.online();
    await carol.row("alice").getByText("from offline").waitFor();
    await carol.row("alice").click();
    await carol.message("two").waitFor();
    await carol.marked("from offline", "read");
    assert.equal(await alice.message("from offline").count(), 1, "once");
    await alice.marked("two", "read");

    await alice.page.getByRole("button", { name: "Go offline" }).click();
    await alice.write("three");
    await alice.marked("three", "waiting to be sent");
    await alice.page.getByRole("button", { name: "Come back" }).click();
    await alice.marked("three", "read");
  });

  test("where WebSockets don't get through, messages do", async () => {
    const alice = await ChatPage.open(browser, server.address);
    open.push(alice);
    await withoutWebSockets(alice.page);
    await alice.page.reload();
    await alice.page.getByRole("button", { name: "alice" }).click();
    await alice.online();
    await alice.line.getByText("SSE").waitFor();
    const bob = await signIn("bob");
    await bob.line.getByText("WebSocket").waitFor();
    await bob.startDirect("alice");
    await bob.write("over a WebSocket");
    await alice.row("bob").click();
    await alice.write("over SSE");
    await bob.message("over SSE").waitFor();
    await bob.marked("over a WebSocket", "read");
    await alice.page.getByRole("button", { name: "Go offline" }).click();
    await alice.page.getByRole("status").getByText("Offline").waitFor();
    await alice.page.getByRole("button", { name: "Come back" }).click();
    await alice.online();
  });

  test("a restarted server loses nothing, and the page comes back by itself", async () => {
    const [alice, bob] = await Promise.all([signIn("alice"), signIn("bob")]);
    await alice.startGroup("Restart", ["bob"]);
    await alice.write("before");
    await bob.row("Restart").click();
    await alice.marked("before", "read");
    await server.restart();
    await alice.write("after");
    await Promise.all([alice.online(), bob.online()]);
    await bob.message("after").waitFor();
    await alice.marked("after", "read");
  });

  test("who is there and who types shows while a conversation is open", async () => {
    const [alice, bob] = await Promise.all([signIn("alice"), signIn("bob")]);
    const below = alice.page.locator("#thread-members");
    await alice.startDirect("bob");
    await alice.write("are you there?");
    await below.getByText("Online", { exact: true }).waitFor();
    await bob.row("alice").click();
    await bob.page.getByLabel("Message", { exact: true }).pressSequentially("I am");
    await below.getByText("typing…", { exact: true }).waitFor();
    await bob.page.getByRole("button", { name: "Send" }).click();
    await below.getByText("Online", { exact: true }).waitFor();
    await bob.page.getByRole("button", { name: "Go offline" }).click();
    await below.getByText(/^(Last seen|Offline)/).waitFor();
    await bob.page.getByRole("button", { name: "Come back" }).click();
    await below.getByText("Online", { exact: true }).waitFor();
  });

  test("edits, deletions, new titles and members show at once, and who is removed is out", async (t) => {
    const alice = await signIn("alice");
    const bob = await server.client("bob");
    t.after(() => bob.close());
    const { id } = await bob.createConversation({ kind: "group", memberIds: ["alice", "carol"], title: "Changing" });
    const first = await bob.send(id, "a tpyo");
    const second = await bob.send(id, "a mistake");
    await alice.row("Changing").click();
    await alice.message("a tpyo").waitFor();
    await bob.editMessage(id, first.messageId, "a typo");
    await alice.message("a typo").getByText("edited", { exact: true }).waitFor();
    await bob.deleteMessage(id, second.messageId);
    await alice.message("This message was deleted").waitFor();
    assert.equal(await alice.message("a mistake").count(), 0);
    await bob.rename(id, "Changed");
    await alice.page.getByRole("heading", { name: "Changed" }).waitFor();
    await bob.removeMember(id, "carol");
    await alice.page.getByText(/^You, bob( ·|$)/).waitFor();

    await alice.page.reload();
    await alice.row("Changed").getByText("This message was deleted").waitFor();
    await alice.row("Changed").click();
    await alice.message("a typo").getByText("edited", { exact: true }).waitFor();
    await bob.removeMember(id, "alice");
    await alice.row("Changed").waitFor({ state: "detached" });
    await alice.page.getByText("Choose a conversation").waitFor();
  });

  test("everything can be done by the keyboard alone", async () => {
    const page = (await signIn("alice")).page;
    const carol = await signIn("carol");
    const keys = async (...names: string[]) => {
      for (const name of names) await page.keyboard.press(name);
    };
    await keys("Enter"); // The focus is on “New” after signing in.
    await keys("Shift+Tab", "ArrowDown", "Tab"); // To the kind: group; and back to the members.
    await page.keyboard.type("bob, carol");
    await keys("Tab");
    await page.keyboard.type("Keyboard");
    await keys("Enter");
    await page.getByRole("heading", { name: "Keyboard" }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), "text", "ready to write");
    await page.keyboard.type("a line");
    await keys("Shift+Enter");
    await page.keyboard.type("and another");
    await keys("Enter");
    await carol.row("Keyboard").waitFor();
    await carol.row("Keyboard").focus();
    await carol.page.keyboard.press("Enter");
    await carol.message("and another").waitFor();
    await carol.page.keyboard.type("an answer");
    await carol.page.keyboard.press("Enter");
    await page.locator(".message").getByText("an answer").waitFor();
    await keys("Escape");
    assert.match((await page.locator(":focus").textContent()) ?? "", /Keyboard/, "on its row");
    await keys("ArrowDown");
    assert.doesNotMatch((await page.locator(":focus").textContent()) ?? "", /Keyboard/, "on the next row");
  });

  test("a phone shows the list or a conversation, and nothing is cut off", async () => {
    const [alice, bob] = await Promise.all([signIn("alice", PHONE), signIn("bob")]);
    await bob.startGroup("A group with a very long title that no phone has room for", ["alice", "carol"]);
    await bob.write(`A long word: ${"x".repeat(300)}`);
    await alice.row("A group").click();
    await alice.message("A long word").waitFor();
    assert.equal(await alice.row("A group").isVisible(), false);
    const overflow = () => alice.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    assert.equal(await overflow(), false, "nothing to scroll sideways");
    await accessible(alice, "a conversation on a phone");
    await alice.page.getByRole("button", { name: "Back" }).click();
    await alice.row("A group").waitFor();
    assert.equal(await overflow(), false, "nothing to scroll sideways");
  });

  for (const colorScheme of ["light", "dark"] as const)
    test(`nothing stands in the way of people with disabilities, ${colorScheme}`, async () => {
      const stranger = await ChatPage.open(browser, server.address, { colorScheme });
      open.push(stranger);
      await stranger.page.getByRole("button", { name: "alice" }).waitFor();
      await accessible(stranger, "signing in");
      await stranger.page.getByLabel("Token").fill("nonsense");
      await stranger.page.getByRole("button", { name: "Sign in" }).click();
      await stranger.page.getByRole("alert").getByText("not a JSON Web Token").waitFor();
      await accessible(stranger, "refused");

      const [alice, bob] = await Promise.all([signIn("alice", { colorScheme }), signIn("bob")]);
      await accessible(alice, "the list");
      await alice.startGroup(`Colours, ${colorScheme}`, ["bob", "carol"]);
      await alice.write("mine");
      await bob.row(`Colours, ${colorScheme}`).click();
      await bob.write("theirs");
      await alice.message("theirs").waitFor();
      await accessible(alice, "a conversation");
      await alice.page.getByRole("button", { name: "New", exact: true }).click();
      await accessible(alice, "the dialog");
      await alice.page.keyboard.press("Escape");
      await alice.page.getByRole("button", { name: "Go offline" }).click();
      await alice.page.getByRole("status").getByText("Offline").waitFor();
      await accessible(alice, "offline");
    });

  test("a token that the server refuses leads back to signing in, with the reason", async () => {
    const stranger = await ChatPage.open(browser, server.address);
    open.push(stranger);
    const payload = Buffer.from(JSON.stringify({ sub: "alice" })).toString("base64url");
    await stranger.page.getByLabel("Token").fill(`eyJhbGciOiJIUzI1NiJ9.${payload}.AAAA`);
    await stranger.page.getByRole("button", { name: "Sign in" }).click();
    await stranger.page
      .getByRole("alert")
      .getByText(/token|connect/i)
      .waitFor();
    await stranger.page.getByRole("button", { name: "bob" }).click();
    await stranger.online();
    await stranger.page.reload();
    await stranger.online();
    await stranger.page.getByRole("button", { name: "Sign out" }).click();
    await stranger.page.getByRole("button", { name: "bob" }).waitFor();
    await stranger.page.reload();
    await stranger.page.getByRole("button", { name: "bob" }).waitFor();
  });
});
