import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { messageOf } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import type { Browser, BrowserContextOptions, Locator } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { ChatPage } from "./chat-page.ts";
import { type PageServer, startPageServer } from "./page-server.ts";

describe("what one can do with messages and groups on the chat page", () => {
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
    assert.deepEqual(complaints, []);
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
  const actionsOf = (chat: ChatPage, text: string) =>
    chat.message(text).getByRole("button", { name: /^(Edit or delete|Delete): / });
  const messageDialog = (chat: ChatPage) => chat.page.getByRole("dialog", { name: /^(Edit or delete|Delete this)/ });
  const groupDialog = async (chat: ChatPage, title: string) => {
    await chat.page.getByRole("button", { name: "Members", exact: true }).click();
    return chat.page.getByRole("dialog", { name: title });
  };
  const member = (dialog: Locator, userId: string) => dialog.getByRole("listitem").filter({ hasText: userId });
  const accessible = async (chat: ChatPage, what: string) => {
    const { violations } = await new AxeBuilder({ page: chat.page }).analyze();
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(found, [], what);
  };
  /** What changed may show before the answer to who asked for it is there, and with it the focus where it belongs. */
  const focusGoesTo = async (chat: ChatPage, wanted: string, why = "") => {
    const focused = () =>
      chat.page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.id);
    const arrived = until(async () => (await focused()) === wanted, `the focus on ${wanted}; ${why}`);
    await arrived.catch(async (error) => assert.fail(`${messageOf(error)}: it is on ${await focused()}`));
  };

  test("one edits and deletes one's own messages, and nobody else's in a direct conversation", async () => {
    const [alice, bob] = await Promise.all([signIn("alice"), signIn("bob")]);
    await alice.startDirect("bob");
    await alice.write("a tpyo");
    await alice.write("a mistake");
    await alice.marked("a mistake", "delivered");
    await bob.row("alice").click();
    assert.equal(await actionsOf(bob, "a tpyo").count(), 0, "not his to edit");

    await actionsOf(alice, "a tpyo").click();
    await messageDialog(alice).getByLabel("Text").fill("a typo");
    await messageDialog(alice).getByRole("button", { name: "Save" }).click();
    await messageDialog(alice).waitFor({ state: "hidden" });
    for (const chat of [alice, bob]) await chat.message("a typo").getByText("edited", { exact: true }).waitFor();
    await bob.page.locator("#announcer").getByText("alice edited a message: a typo").waitFor({ state: "attached" });

    await actionsOf(alice, "a mistake").click();
    await messageDialog(alice).getByRole("button", { name: "Cancel" }).click();
    await alice.message("a mistake").waitFor();
    await actionsOf(alice, "a mistake").click();
    await messageDialog(alice).getByRole("button", { name: "Delete" }).click();
    for (const chat of [alice, bob]) await chat.message("This message was deleted").waitFor();
    assert.equal(await actionsOf(alice, "This message was deleted").count(), 0, "nothing is left to do with it");
    await bob.page.locator("#announcer").getByText("alice deleted a message").waitFor({ state: "attached" });
  });

  test("an owner renames, invites, gives roles and removes; everybody leaves", async (t) => {
    const [alice, bob] = await Promise.all([signIn("alice"), signIn("bob")]);
    const carol = await server.client("carol");
    t.after(() => carol.close());
    await alice.startGroup("Crew", ["bob"]);
    await bob.row("Crew").click();
    await bob.write("from bob");

    let dialog = await groupDialog(alice, "Crew");
    await dialog.getByLabel("Title").fill("Team");
    await dialog.getByRole("button", { name: "Rename" }).click();
    for (const chat of [alice, bob]) await chat.page.locator("#thread-title").getByText("Team").waitFor();
    await bob.page.locator("#announcer").getByText("alice renamed the group to Team").waitFor({ state: "attached" });

    const invited = carol.once("conversation");
    dialog = alice.page.getByRole("dialog", { name: "Team" });
    await dialog.getByLabel("Invite people").fill("carol, dan");
    await dialog.getByRole("button", { name: "Invite" }).click();
    assert.equal((await invited).title, "Team");
    await member(dialog, "carol").waitFor();
    await dialog.getByRole("status").getByText("Invited carol, dan").waitFor();
    await bob.page.getByText(/^You, alice, carol, dan/).waitFor();

    // Bob is a plain member: he sees who is there, and can do nothing but leave.
    const bobs = await groupDialog(bob, "Team");
    assert.deepEqual(await bobs.getByRole("button").allTextContents(), ["Leave the group", "Done"]);
    assert.equal(await bobs.getByRole("combobox").count(), 0);
    assert.equal(await bobs.getByRole("textbox").count(), 0);

    await member(dialog, "bob").getByLabel("Role of bob").selectOption("admin");
    await member(bobs, "bob").locator("span").getByText("admin").waitFor();
    await bobs.getByRole("button", { name: "Remove dan" }).click();
    await member(dialog, "dan").waitFor({ state: "detached" });
    assert.equal(await bobs.getByRole("button", { name: "Remove alice" }).count(), 0, "an admin removes no owner");

    await dialog.getByRole("button", { name: "Leave the group" }).click();
    await dialog.getByRole("alert").getByText("only owner").waitFor();
    await member(dialog, "alice").getByLabel("Role of alice").selectOption("member");
    await dialog.getByRole("alert").getByText("only owner").waitFor();
    assert.equal(await member(dialog, "alice").getByLabel("Role of alice").inputValue(), "owner", "as it was");
    await member(dialog, "bob").getByLabel("Role of bob").selectOption("owner");
    await dialog.getByRole("status").getByText("bob is owner now").waitFor({ state: "attached" });
    await dialog.getByRole("button", { name: "Leave the group" }).click();
    await alice.row("Team").waitFor({ state: "detached" });
    await alice.page.getByText("Choose a conversation").waitFor();
    await focusGoesTo(alice, "new-conversation");
    await member(bobs, "alice").waitFor({ state: "detached" });

    // Removed with the dialog open: the page does not hold on to what is no more.
    await carol.close();
    await bobs.getByRole("button", { name: "Remove carol" }).click();
    await member(bobs, "carol").waitFor({ state: "detached" });
    await bobs.getByRole("button", { name: "Done" }).click();
    await bobs.waitFor({ state: "hidden" });
  });

  test("an owner deletes what somebody else wrote, but does not edit it; the removed are out at once", async (t) => {
    const alice = await signIn("alice");
    const bob = await server.client("bob");
    t.after(() => bob.close());
    await alice.startGroup("Moderated", ["bob"]);
    const [{ conversation } = assert.fail()] = (await bob.listConversations()).conversations.filter(
      (listed) => listed.conversation.title === "Moderated",
    );
    await bob.send(conversation.id, "an insult");
    await actionsOf(alice, "an insult").click();
    const dialog = messageDialog(alice);
    await dialog.getByText("bob: an insult").waitFor();
    assert.deepEqual(await dialog.getByRole("button").allTextContents(), ["Delete", "Cancel"]);
    await dialog.getByRole("button", { name: "Delete" }).click();
    await alice.message("This message was deleted").waitFor();
    const removed = bob.once("conversation_removed");
    const group = await groupDialog(alice, "Moderated");
    await group.getByRole("button", { name: "Remove bob" }).click();
    assert.deepEqual(await removed, { conversationId: conversation.id });
  });

  test("by the keyboard alone, and the focus is never lost", async () => {
    const [alice, bob] = await Promise.all([signIn("alice"), signIn("bob")]);
    const { keyboard } = alice.page;
    const keys = async (...names: string[]) => {
      for (const name of names) await keyboard.press(name);
    };
    await alice.startGroup("Keys", ["bob", "carol"]);
    await alice.write("one");
    await alice.write("two");
    await alice.marked("two", "sent");
    await alice.page.getByLabel("Message", { exact: true }).focus();
    await keys("ArrowUp");
    await messageDialog(alice).waitFor();
    await keys("Control+A");
    await keyboard.type("two, edited");
    await keys("Enter");
    await messageDialog(alice).waitFor({ state: "hidden" });
    await alice.message("two, edited").getByText("edited", { exact: true }).waitFor();
    await focusGoesTo(alice, "text", "back in the composer");

    await keys("Shift+Tab");
    await focusGoesTo(alice, "Edit or delete: two, edited");
    await keys("Shift+Tab");
    await focusGoesTo(alice, "Edit or delete: one");
    await keys("Enter");
    await messageDialog(alice).waitFor();
    await keys("Escape");
    await focusGoesTo(alice, "Edit or delete: one", "back where it came from");
    await keys("Enter", "Tab", "Enter");
    await alice.message("This message was deleted").waitFor();
    await focusGoesTo(alice, "text", "the button is gone");

    const dialog = await groupDialog(alice, "Keys");
    await focusGoesTo(alice, "group-dialog-title");
    await dialog.getByRole("button", { name: "Remove bob" }).focus();
    await keys("Enter");
    await member(dialog, "bob").waitFor({ state: "detached" });
    await focusGoesTo(alice, "Role of carol", "the next one's");
    await keys("Escape");
    await dialog.waitFor({ state: "hidden" });
    await bob.row("Keys").waitFor({ state: "detached" });
  });

  test("offline, a change waits until one is back, or is given up with the dialog", async () => {
    const [alice, bob] = await Promise.all([signIn("alice"), signIn("bob")]);
    await alice.startDirect("bob");
    await alice.write("said");
    await alice.marked("said", "delivered");
    await bob.row("alice").click();
    await alice.goOffline();
    await actionsOf(alice, "said").click();
    await messageDialog(alice).getByLabel("Text").fill("never said");
    await messageDialog(alice).getByRole("button", { name: "Save" }).click();
    await messageDialog(alice).getByRole("button", { name: "Cancel" }).click();
    await alice.page.getByRole("button", { name: "Come back" }).click();
    await alice.online();
    await alice.write("after");
    await bob.message("after").waitFor();
    assert.equal(await bob.message("never said").count(), 0);
    await bob.message("said").waitFor();
  });

  for (const [name, options] of [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["on a phone", { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true }],
  ] satisfies [string, BrowserContextOptions][])
    test(`nothing stands in the way of people with disabilities, and nothing is cut off: ${name}`, async () => {
      const alice = await signIn("alice", options);
      const others = Array.from({ length: 30 }, (_, index) => `member-with-a-long-name-${index}`);
      await alice.startGroup(`A group for ${name}`, others);
      await alice.write("mine");
      await alice.marked("mine", "sent");
      await actionsOf(alice, "mine").focus();
      await accessible(alice, "a message's button");
      await actionsOf(alice, "mine").click();
      await accessible(alice, "a message's dialog");
      await alice.page.keyboard.press("Escape");
      const dialog = await groupDialog(alice, "A group");
      await accessible(alice, "the group's dialog");
      const { width, height } = alice.page.viewportSize() ?? assert.fail();
      for (const button of ["Done", "Leave the group", "Invite"]) {
        const box = (await dialog.getByRole("button", { name: button }).boundingBox()) ?? assert.fail(button);
        assert.ok(box.x >= 0 && box.x + box.width <= width, `${button} is as wide as the screen has room for`);
        assert.ok(box.y >= 0 && box.y + box.height <= height, `${button} is on the screen`);
      }
      assert.equal(
        await alice.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth),
        false,
        "nothing to scroll sideways",
      );
    });
});
