import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from "playwright-core";

/** One user's chat page in a browser context of its own, driven by what people see: roles, names and texts. */
export class ChatPage {
  readonly page: Page;
  /** What the browser complained about: errors of scripts, and what the Content Security Policy refused. */
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.complaints.push(message.text());
    });
  }

  static async open(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<ChatPage> {
    const context = await browser.newContext({ viewport: { width: 1100, height: 720 }, locale: "en-GB", ...options });
    context.setDefaultTimeout(15_000);
    const chat = new ChatPage(await context.newPage());
    await chat.page.goto(address);
    return chat;
  }

  /** Opens the page and signs in by the development server's offer. */
  static async signedIn(
    browser: Browser,
    address: string,
    userId: string,
    options: BrowserContextOptions = {},
  ): Promise<ChatPage> {
    const chat = await ChatPage.open(browser, address, options);
    await chat.signIn(userId);
    return chat;
  }

  /** Another tab of the same browser, at the same place, with a session of its own. */
  async anotherTab(): Promise<ChatPage> {
    const chat = new ChatPage(await this.page.context().newPage());
    await chat.page.goto(this.page.url());
    return chat;
  }

  async signIn(userId: string): Promise<void> {
    await this.page.getByRole("button", { name: userId }).click();
    await this.online();
  }

  async goOffline(): Promise<void> {
    await this.page.getByRole("button", { name: "Go offline" }).click();
    await this.line.getByRole("status").getByText("Offline").waitFor();
  }

  get line(): Locator {
    return this.page.locator("#line");
  }

  online(): Promise<void> {
    return this.line.and(this.page.locator("[data-state=online]")).waitFor();
  }

  async startDirect(userId: string): Promise<void> {
    await this.page.getByRole("button", { name: "New", exact: true }).click();
    await this.page.getByLabel("With whom").fill(userId);
    await this.page.getByRole("button", { name: "Start", exact: true }).click();
    await this.page.getByRole("heading", { name: userId }).waitFor();
  }

  async startGroup(title: string, userIds: readonly string[]): Promise<void> {
    await this.page.getByRole("button", { name: "New", exact: true }).click();
    await this.page.getByRole("radio", { name: "Group" }).check();
    await this.page.getByRole("textbox", { name: "Members" }).fill(userIds.join(", "));
    await this.page.getByRole("textbox", { name: "Title" }).fill(title);
    await this.page.getByRole("button", { name: "Start", exact: true }).click();
    await this.page.getByRole("heading", { name: title }).waitFor();
  }

  /** The row of the list of conversations: its name begins with the title, and goes on with what was written last, by whom. */
  row(title: string): Locator {
    const name = new RegExp(`^${RegExp.escape(title)}(\\s|$)`);
    return this.page.getByRole("navigation", { name: "Conversations" }).getByRole("button", { name });
  }

  async write(text: string): Promise<void> {
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  message(text: string): Locator {
    return this.page.locator(".message").filter({ hasText: text });
  }

  /** Waits until a message of the user's own has come so far. */
  marked(text: string, mark: "waiting to be sent" | "sent" | "delivered" | "read"): Promise<void> {
    return this.message(text).getByRole("img", { name: mark, exact: true }).waitFor();
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}

/** From the next load on, as behind a proxy that answers no upgrade: every WebSocket ends before it has begun. */
export async function withoutWebSockets(target: Page | BrowserContext): Promise<void> {
  await target.addInitScript(() => {
    class NoWebSocket extends EventTarget {
      constructor() {
        super();
        setTimeout(() => this.dispatchEvent(new CloseEvent("close", { code: 1006 })));
      }
      close() {
        this.dispatchEvent(new Event("ignored"));
      }
    }
    Object.assign(globalThis, { WebSocket: NoWebSocket });
  });
}
