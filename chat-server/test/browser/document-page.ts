import { until } from "@chatcluster/foundation/until";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { ChatPage } from "./chat-page.ts";

export interface NewDocument {
  title: string;
  /** Who may write [anyone]; who is named, and whether only those may read. */
  people?: readonly string[];
  isPrivate?: boolean;
}

/** One user's document page in a browser context of its own. */
export class DocumentPage {
  readonly chat: ChatPage;

  /** @param chat a browser context that has the page open, signed in. */
  constructor(chat: ChatPage) {
    this.chat = chat;
  }

  /** Opens the page and signs in with a token. @param id of a document, or none to be at the start. */
  static async open(
    browser: Browser,
    address: string,
    token: string,
    { id = "", ...options }: BrowserContextOptions & { id?: string } = {},
  ): Promise<DocumentPage> {
    const document = new DocumentPage(await ChatPage.open(browser, `${address}document#${id}`, options));
    await document.page.getByLabel("Token").fill(token);
    await document.page.getByRole("button", { name: "Sign in" }).click();
    return document;
  }

  get page(): Page {
    return this.chat.page;
  }

  get id(): string {
    return new URL(this.page.url()).hash.slice(1);
  }

  get box(): Locator {
    return this.page.getByRole("textbox", { name: "Text of the document" });
  }

  async create({ title, people, isPrivate = false }: NewDocument): Promise<void> {
    await this.page.getByLabel("Title").fill(title);
    if (people) {
      await this.page.getByLabel("You, and whom you name").check();
      await this.page.getByLabel("People").fill(people.join(", "));
      if (isPrivate) await this.page.getByLabel("Only who may write").check();
    }
    await this.page.getByRole("button", { name: "Create" }).click();
    await this.page.getByRole("heading", { name: title }).waitFor();
    await this.says("Saved");
  }

  /** Types at the end of the text, key by key. */
  async type(text: string, delay = 0): Promise<void> {
    await this.box.focus();
    await this.page.keyboard.press("Control+End");
    await this.page.keyboard.type(text, { delay });
  }

  /** As a paste from the clipboard. */
  async paste(text: string): Promise<void> {
    await this.box.evaluate((box, pasted) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", pasted);
      box.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    }, text);
  }

  /** Waits until that stands beside the title. */
  async says(state: string): Promise<void> {
    let said: string | null = "";
    const look = async () => {
      said = await this.page.locator("#save-state").textContent();
      return said === state;
    };
    await until(look, `it to say ${state}`, 15_000, { detail: () => `it says ${said}` });
  }

  /** Waits until the text has a piece in it. Of a long one only what is in sight is there. */
  async has(piece: string): Promise<void> {
    let text = "";
    const look = async () => {
      text = await this.text();
      return text.includes(piece);
    };
    await until(look, `the text to have ${piece}`, 15_000, { detail: () => text.slice(-500) });
  }

  /** The whole text, if it is all in sight. */
  async text(): Promise<string> {
    return (await this.box.locator(".cm-line").allTextContents()).join("\n");
  }

  on(serverId: string): Promise<void> {
    return this.page.locator("#line-where").getByText(serverId).waitFor();
  }

  close(): Promise<void> {
    return this.chat.close();
  }
}
