/** `npm run screenshots [-- chat|document|dashboard]`: takes the pictures of docs/images/screenshots, of real servers and browsers. */
import { fileURLToPath } from "node:url";
import type { ChatClient } from "@chatcluster/client";
import { until } from "@chatcluster/foundation/until";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { launchBrowser } from "./browser.ts";
import { ChatPage } from "./chat-page.ts";
import { DocumentPage } from "./document-page.ts";
import { type PageServer, startPageServer } from "./page-server.ts";

const FOLDER = fileURLToPath(new URL("../../../docs/images/screenshots/", import.meta.url));
const DESKTOP: BrowserContextOptions = { viewport: { width: 1080, height: 680 } };
const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 760 }, isMobile: true, hasTouch: true };
const DOCUMENT = `Launch day

Nine o'clock: the canary takes 10 % of the users.
Ten o'clock: 50 %, if the error rate is flat and p99 below 10 ms.
Noon: everybody. Then confetti, and lunch.

If something is wrong: kubectl rollout undo, then write to #launch.

Who is on call:`;
/** As long as the dashboard shows, in milliseconds. */
const TRAFFIC_MS = 125_000;

/** Everybody's conversations before Alice opens the page. */
async function talk(server: PageServer): Promise<Record<"alice" | "bob" | "carol" | "dan", ChatClient>> {
  const [alice, bob, carol, dan] = await Promise.all([
    server.client("alice"),
    server.client("bob"),
    server.client("carol"),
    server.client("dan"),
  ]);
  const hike = await dan.createConversation({ kind: "group", memberIds: ["alice", "bob"], title: "Weekend hike" });
  await dan.send(hike.id, "Train leaves at 8:12 on Saturday.");
  const last = await alice.send(hike.id, "I bring the map and the coffee ☕");
  dan.markRead(hike.id, last.messageId);
  const withCarol = await carol.createConversation({ kind: "direct", memberIds: ["alice"] });
  await carol.send(withCarol.id, "Did you see the new dashboard?");
  await carol.send(withCarol.id, "It draws the percentiles while the load test runs.");
  await carol.send(withCarol.id, "Have a look when you are back!");

  const launch = await bob.createConversation({
    kind: "group",
    memberIds: ["alice", "carol", "dan"],
    title: "Launch day",
  });
  await bob.setRole(launch.id, "alice", "owner");
  await bob.setRole(launch.id, "carol", "admin");
  const say = async (client: ChatClient, text: string) => (await client.send(launch.id, text)).messageId;
  await say(bob, "Good morning! The canary takes 10 % of the users since nine.");
  await say(carol, "Error rate is flat, p99 is at 6 ms.");
  await say(carol, "I drained two servers on purpose: nobody noticed.");
  await say(alice, "Perfect. Then let us go to 50 %.");
  await say(dan, "Scaled up ahead of the ramp: 6 servers, 61,000 connections.");
  const newest = await say(alice, "And if one of them dies?");
  await say(
    bob,
    "Then its clients are back on the others in seconds, and the offline list has what they missed. Tried it this morning with SIGKILL.",
  );
  for (const client of [bob, carol, dan]) client.markRead(launch.id, newest);
  alice.close();
  return { alice, bob, carol, dan };
}

async function pictureChat(browser: Browser, server: PageServer): Promise<void> {
  const stranger = await ChatPage.open(browser, server.address, DESKTOP);
  await stranger.page.getByRole("button", { name: "alice" }).waitFor();
  await stranger.page.screenshot({ path: `${FOLDER}sign-in.png` });
  await stranger.close();
  const people = await talk(server);
  for (const colorScheme of ["light", "dark"] as const) {
    const chat = await ChatPage.signedIn(browser, server.address, "alice", { ...DESKTOP, colorScheme });
    await chat.row("Launch day").click();
    await chat.message("Tried it this morning").waitFor();
    const text = colorScheme === "light" ? "100 % it is. Thanks, all of you!" : "Confetti at five, then.";
    await chat.write(text);
    await chat.marked(text, "delivered");
    await chat.row("carol").getByRole("img", { name: "3 unread" }).waitFor();
    await chat.page.getByText(/· \d online/).waitFor();
    await chat.message("And if one of them dies?").hover();
    await chat.page.screenshot({ path: `${FOLDER}chat-${colorScheme}.png` });
    await chat.page.getByRole("button", { name: "Members", exact: true }).click();
    await chat.page.getByRole("dialog", { name: "Launch day" }).waitFor();
    await chat.page.screenshot({ path: `${FOLDER}group-${colorScheme}.png` });
    await chat.close();
    const phone = await ChatPage.signedIn(browser, server.address, "alice", { ...PHONE, colorScheme });
    await phone.row("carol").getByRole("img", { name: "3 unread" }).waitFor();
    if (colorScheme === "light") await phone.row("Launch day").click();
    if (colorScheme === "light") await phone.message("100 % it is").waitFor();
    await phone.page.screenshot({ path: `${FOLDER}phone-${colorScheme}.png` });
    await phone.close();
  }
  for (const client of Object.values(people)) client.close();
}

/** Users come and go, and write, a little differently each second. */
async function traffic(server: PageServer, milliseconds: number): Promise<void> {
  const clients: ChatClient[] = [];
  const listener = await server.client("listener");
  const end = Date.now() + milliseconds;
  for (let round = 0; Date.now() < end; round++) {
    const wanted = Math.round(14 + 9 * Math.sin(round / 14) + 3 * Math.sin(round / 3));
    while (clients.length < wanted) clients.push(await server.client(`visitor-${clients.length}`));
    while (clients.length > wanted) clients.pop()?.close();
    const next = Date.now() + 1_000;
    await Promise.all(
      clients.map(async (client) => {
        const { id } = await client.createConversation({ kind: "direct", memberIds: ["listener"] });
        await Promise.all(["one", "two"].map((text) => client.send(id, text)));
      }),
    );
    await until(() => Date.now() >= next, "the next second");
  }
  for (const client of [...clients, listener]) client.close();
}

async function pictureDashboard(browser: Browser, server: PageServer): Promise<void> {
  const open = (colorScheme: "light" | "dark") =>
    ChatPage.open(browser, `${server.address}live`, { viewport: { width: 1080, height: 930 }, colorScheme });
  const pages = { light: await open("light"), dark: await open("dark") };
  const end = traffic(server, TRAFFIC_MS + 5_000);
  const started = Date.now();
  await until(() => Date.now() - started > TRAFFIC_MS, "a full chart", TRAFFIC_MS + 10_000);
  for (const [name, { page }] of Object.entries(pages))
    await page.screenshot({ path: `${FOLDER}dashboard-${name}.png` });
  await end;
}

/** Alice and Bob write the same document. */
async function pictureDocument(browser: Browser, server: PageServer): Promise<void> {
  const open = async (userId: string, id: string, options: BrowserContextOptions) => {
    const chat = await ChatPage.open(browser, `${server.address}document#${id}`, options);
    await chat.signIn(userId);
    return new DocumentPage(chat);
  };
  const bob = await open("bob", "", DESKTOP);
  await bob.create({ title: "Launch day" });
  await bob.type(DOCUMENT);
  for (const colorScheme of ["light", "dark"] as const) {
    const alice = await open("alice", bob.id, { ...DESKTOP, colorScheme });
    await alice.has("Who is on call");
    if (colorScheme === "light") await alice.type("\n- alice until noon");
    await bob.has("alice until noon");
    await bob.type(colorScheme === "light" ? "\n- bob from noon on" : " to midnight");
    await alice.has(colorScheme === "light" ? "bob from noon on" : "to midnight");
    await alice.says("Saved");
    await alice.page.getByRole("list", { name: "Others" }).getByText("bob, writing").waitFor();
    await alice.page.screenshot({ path: `${FOLDER}document-${colorScheme}.png` });
    await alice.close();
  }
  await bob.close();
}

const browser = await launchBrowser();
const server = await startPageServer({ CHAT_SERVER_ID: "chat-server-1" });
try {
  const [only] = process.argv.slice(2);
  if (only === undefined || only === "chat") await pictureChat(browser, server);
  if (only === undefined || only === "document") await pictureDocument(browser, server);
  if (only === undefined || only === "dashboard") await pictureDashboard(browser, server);
} finally {
  await browser.close();
  await server.stop();
}
