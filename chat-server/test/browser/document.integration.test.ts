import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { ChatClient } from "@chatcluster/client";
import { until } from "@chatcluster/foundation/until";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { SharedDocument } from "../../web/document/shared-document.ts";
import { MemoryDocumentStore } from "../../web/document/testing/memory-document-store.ts";
import { tokenFor } from "../support/test-server.ts";
import { launchBrowser } from "./browser.ts";
import { DocumentPage } from "./document-page.ts";
import { startTwoServers, type TwoServers } from "./two-servers.ts";

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true } as const;

describe("a shared document in browsers, on two servers", () => {
  let browser: Browser;
  let servers: TwoServers;
  let open: DocumentPage[] = [];
  let programs: ChatClient[] = [];
  before(async () => {
    [browser, servers] = await Promise.all([launchBrowser(), startTwoServers()]);
  });
  afterEach(async () => {
    const complaints = open.flatMap(({ chat }) => chat.complaints);
    await Promise.all(open.map((page) => page.close()));
    for (const program of programs) program.close();
    open = [];
    programs = [];
    // A network that is away is what some of these tests are about.
    const expected = /WebSocket connection to .* failed|Failed to load resource/;
    assert.deepEqual(
      complaints.filter((text) => !expected.test(text)),
      [],
    );
  });
  after(async () => {
    await browser?.close();
    await servers?.stop();
  });

  const visit = async (server: 0 | 1, userId: string, options: BrowserContextOptions & { id?: string } = {}) => {
    const page = await DocumentPage.open(browser, servers.addresses[server], await tokenFor(userId), options);
    open.push(page);
    return page;
  };
  /** Alice on the first server with a new document, and Bob on the second one in the same. */
  const together = async (title: string) => {
    const alice = await visit(0, "alice");
    await alice.create({ title });
    const bob = await visit(1, "bob", { id: alice.id });
    await bob.says("Saved");
    await Promise.all([alice.on("server-0"), bob.on("server-1")]);
    return { alice, bob };
  };
  const client = async (userId: string) => {
    const url = `ws://127.0.0.1:${servers.ports[1]}/chat`;
    const made = new ChatClient({ url, token: await tokenFor(userId), device: { id: `program-${userId}` } });
    programs.push(made);
    await made.connect();
    return made;
  };
  /** What a program reads that has nothing of the document yet; how many pages of history that takes. */
  const readAnew = async (id: string, userId = "alice") => {
    const program = await client(userId);
    let pages = 0;
    const document = new SharedDocument({
      userId,
      store: new MemoryDocumentStore(),
      channel: {
        publish: () => Promise.reject(new Error("it only reads")),
        history: async (before) => {
          pages++;
          return program.fetchHistory(id, { limit: 100, ...(before === undefined ? {} : { before }) });
        },
      },
      hooks: {
        changed: () => undefined,
        failed: (what, error) => assert.fail(`${what}: ${error}`),
        isFinal: () => true,
      },
    });
    await document.catchUp();
    const text = document.text.toString();
    document.close();
    program.close();
    return { text, pages };
  };
  const equal = async (...pages: DocumentPage[]) => {
    const same = async () => new Set(await Promise.all(pages.map((page) => page.text()))).size === 1;
    await until(same, "the same text on all pages", 15_000);
    await Promise.all(pages.map((page) => page.says("Saved")));
    const [first] = pages;
    assert.ok(first);
    const text = await first.text();
    await until(async () => (await readAnew(first.id)).text === text, "the same text on the server", 15_000);
    return text;
  };
  const accessible = async ({ page }: DocumentPage, what: string) => {
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(found, [], what);
  };

  test("two users type at the same time and see the same text", async () => {
    const { alice, bob } = await together("Both at once");
    await alice.type("Shopping:\n");
    await bob.has("Shopping:");
    await Promise.all([alice.type("apples and pears, ", 15), bob.type("bread and butter, ", 15)]);
    const text = await equal(alice, bob);
    assert.deepEqual(
      [...text.slice("Shopping:\n".length)].sort(),
      [..."apples and pears, bread and butter, "].sort(),
      "each letter of both once",
    );
    await alice.page
      .getByRole("list", { name: "Others" })
      .getByText(/^bob, (writing|online|wrote here)$/)
      .waitFor();
  });

  test("what is written offline is kept and merged on return", async () => {
    const { alice, bob } = await together("One offline");
    await alice.type("Agenda. ");
    await bob.has("Agenda.");
    await alice.chat.goOffline();
    await alice.type("Written away. ");
    await alice.says("Offline, 14 unsent edits kept in this browser");
    await bob.type("Written there. ");
    await bob.says("Saved");
    assert.doesNotMatch(await alice.text(), /there/);
    await alice.page.getByRole("button", { name: "Come back" }).click();
    const text = await equal(alice, bob);
    for (const piece of ["Agenda. ", "Written away. ", "Written there. "])
      assert.equal(text.split(piece).length, 2, piece);
  });

  test("a reload without a network shows the document, keeps what was not sent, and sends it once there is one", async () => {
    const { alice, bob } = await together("Reloaded");
    await alice.type("Before. ");
    await bob.has("Before.");
    // The page itself still comes; the server can't be reached.
    const isFrames = /\/(chat|events|poll|frames)(\?|$)/;
    let isAway = true;
    await alice.page.route(isFrames, (route) => (isAway ? route.abort() : route.continue()));
    await alice.page.routeWebSocket(isFrames, (socket) => {
      if (isAway) void socket.close({ code: 4003, reason: "no network" });
      else socket.connectToServer();
    });
    await alice.chat.goOffline();
    await alice.type("Meanwhile. ");
    await alice.page.reload();
    await alice.has("Before. Meanwhile.");
    await alice.says("Offline, 11 unsent edits kept in this browser");
    await alice.type("After. ");
    await alice.says("Offline, 18 unsent edits kept in this browser");
    isAway = false;
    await alice.page.reload();
    await bob.has("After.");
    assert.equal(await equal(alice, bob), "Before. Meanwhile. After. ");
  });

  test("who may not write reads on, and writes as soon as it may", async () => {
    const alice = await visit(0, "alice");
    await alice.create({ title: "Minutes", people: ["bob"] });
    await alice.type("Only members write. ");
    const [bob, carol] = await Promise.all([visit(1, "bob", { id: alice.id }), visit(1, "carol", { id: alice.id })]);
    await carol.says("Read only");
    await carol.has("Only members write.");
    await carol.box.focus();
    await carol.page.keyboard.type("carol was here");
    await bob.type("Bob may. ");
    await Promise.all([alice, carol].map((page) => page.has("Bob may.")));
    assert.equal(await carol.text(), "Only members write. Bob may. ");
    await accessible(carol, "reading only");

    const owner = await client("alice");
    await owner.setRights(alice.id, { subscribe: "anyone", publish: "anyone" });
    await carol.says("Saved");
    await carol.type("And Carol, too. ");
    await alice.has("And Carol, too.");
    await owner.setRights(alice.id, { subscribe: "members", publish: "members" });
    await carol.page.getByRole("alert").getByText("you may not read it").waitFor();
    await carol.says("Read only");
    const dan = await visit(0, "dan", { id: alice.id });
    await dan.page.getByRole("alert").getByText("There is no such document").waitFor();
    assert.equal(await equal(alice, bob), "Only members write. Bob may. And Carol, too. ");
  });

  test("a killed server takes nothing with it: the page goes on with the other one", async (t) => {
    const { alice, bob } = await together("Killed");
    t.after(() => servers.start(0));
    const writing = alice.type("one two three four five six seven eight nine ten eleven twelve ", 20);
    await bob.has("one two");
    await servers.kill(0);
    await writing;
    await bob.type("and Bob ");
    await alice.on("server-1");
    const text = await equal(alice, bob);
    assert.match(text, /and Bob /);
    assert.equal(text.replace("and Bob ", "").split(" ").length, 13, text);
  });

  test("a paste of many messages arrives whole, can be taken back, and one too long is refused", async () => {
    const { alice, bob } = await together("Paste");
    await alice.type("begin ");
    const line = "All work and no play makes Jack a dull boy – 0123456789.\n";
    const long = line.repeat(4_000);
    await alice.paste(long.replaceAll("\n", "\r\n"));
    await alice.says("Saved");
    assert.equal((await readAnew(alice.id)).text, `begin ${long}`);
    await bob.has("begin All work");
    await alice.page.keyboard.press("Control+z");
    await until(async () => (await alice.text()).trim() === "begin", "the paste to be gone");
    await alice.paste("x".repeat(1_000_001));
    await alice.page.getByRole("alert").getByText("at most 1,000,000 characters").waitFor();
    assert.equal((await equal(alice, bob)).trim(), "begin");
  });

  test("after many edits who comes late reads a snapshot, not all of them", async () => {
    const { alice, bob } = await together("Long history");
    const program = await client("alice");
    const document = new SharedDocument({
      userId: "alice",
      store: new MemoryDocumentStore(),
      publishEveryMs: 25,
      channel: {
        publish: (data) => program.publish(alice.id, data),
        history: (before) => program.fetchHistory(alice.id, before === undefined ? {} : { before }),
      },
      hooks: {
        changed: () => undefined,
        failed: (what, error) => assert.fail(`${what}: ${error}`),
        isFinal: () => true,
      },
    });
    await document.open();
    const subscription = program.subscribe(alice.id);
    subscription.on("message", (message) => document.receive(message));
    await subscription.ready;
    await document.catchUp();
    document.writable = true;
    for (let index = 0; index < 330; index++) {
      document.text.insert(document.text.length, `${index} `);
      await until(() => document.unsent === 0, "the edit to be stored");
    }
    await bob.has("329");
    const { text, pages } = await readAnew(alice.id);
    assert.match(text, /^0 1 2 .* 329 $/);
    assert.ok(pages <= 2, `${pages} pages of more than 330 messages`);
    document.close();
  });

  test("by the keyboard: the tabulator leaves the text, and taking back takes back one's own only", async () => {
    const { alice, bob } = await together("Keyboard");
    await alice.type("mine ");
    await bob.has("mine");
    await bob.type("theirs ");
    await alice.has("theirs");
    await alice.page.keyboard.press("Control+z");
    await until(async () => (await bob.text()) === "theirs ", "Alice's words to be taken back, and not Bob's");
    await alice.page.keyboard.press("Control+y");
    assert.equal(await equal(alice, bob), "mine theirs ");
    await alice.page.keyboard.press("Shift+Tab");
    assert.equal(await alice.page.evaluate(() => document.activeElement?.id), "copy-link");
  });

  for (const colorScheme of ["light", "dark"] as const)
    test(`nothing stands in the way of people with disabilities, ${colorScheme}, and a phone has room for all`, async () => {
      const alice = await visit(0, "alice", { colorScheme });
      await alice.page.getByLabel("You, and whom you name").check();
      await accessible(alice, "the start");
      await alice.page.getByLabel("Anyone who signs in").first().check();
      await alice.create({ title: `A title that is long enough for no phone at all, ${colorScheme}` });
      await accessible(alice, "an empty document");
      await alice.type("Some text");
      const phone = await visit(1, "bob", { ...PHONE, colorScheme, id: alice.id });
      await phone.has("Some text");
      await phone.says("Saved");
      await accessible(phone, "on a phone");
      assert.equal(await phone.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false);
      await alice.chat.goOffline();
      await alice.type("!");
      await alice.says("Offline, 1 unsent edit kept in this browser");
      await accessible(alice, "offline");
    });
});
