import type { PageSettings } from "../../src/web/pages.ts";
import { byId, element, setText } from "../element/dom.ts";
import { textOf } from "./chat.ts";

/** Somebody who may chat. */
export interface Account {
  token: string;
  userId: string;
}

/** The sign-in form: a pasted token, or on a development server one click. */
export class SignIn {
  readonly #root = byId("sign-in", HTMLElement);
  readonly #token = byId("token", HTMLTextAreaElement);
  readonly #error = byId("sign-in-error", HTMLElement);
  readonly #onSignedIn: (account: Account) => void;

  constructor(settings: PageSettings, onSignedIn: (account: Account) => void) {
    this.#onSignedIn = onSignedIn;
    byId("sign-in-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#use(this.#token.value.trim());
    });
    const users = settings.developmentUsers ?? [];
    byId("development", HTMLElement).hidden = users.length === 0;
    byId("development-users", HTMLElement).append(...users.map((userId) => this.#choice(userId)));
  }

  show(error = ""): void {
    this.#root.hidden = false;
    this.#token.value = "";
    setText(this.#error, error);
    (this.#root.querySelector<HTMLElement>(".choices button") ?? this.#token).focus();
  }

  hide(): void {
    this.#root.hidden = true;
    this.#token.value = "";
  }

  #choice(userId: string): HTMLButtonElement {
    const button = element("button", { type: "button" }, userId);
    button.addEventListener("click", () => {
      developmentToken(userId).then(
        (token) => this.#use(token),
        (error: unknown) => setText(this.#error, textOf(error)),
      );
    });
    return button;
  }

  #use(token: string): void {
    const userId = subjectOf(token);
    if (userId === undefined) setText(this.#error, "That is not a JSON Web Token with a subject.");
    else this.#onSignedIn({ token, userId });
  }
}

async function developmentToken(userId: string): Promise<string> {
  const headers = { "content-type": "application/json" };
  const response = await fetch("/development/token", { method: "POST", headers, body: JSON.stringify({ userId }) });
  const body = (await response.json()) as { token?: string; message?: string };
  if (!response.ok || body.token === undefined) throw new Error(body.message ?? `the server says ${response.status}`);
  return body.token;
}

/** The `sub` of a JWT (RFC 7519, section 4.1.2), unchecked: for showing only, the server believes nothing of it. */
export function subjectOf(token: string): string | undefined {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" && sub !== "" ? sub : undefined;
  } catch {
    return undefined;
  }
}
