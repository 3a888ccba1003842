import type { PageSettings } from "../../src/web/pages.ts";
import { byId } from "../element/dom.ts";
import { App } from "./app.ts";
import { pageStorage } from "./page-storage.ts";
import { type Account, SignIn, subjectOf } from "./sign-in.ts";

async function main(): Promise<void> {
  const response = await fetch("/settings.json");
  const settings = (await response.json()) as PageSettings;
  byId("live-link", HTMLAnchorElement).hidden = settings.dashboard === "off";

  const app = new App((error) => {
    pageStorage.token = undefined;
    signIn.show(error);
  });
  const start = (account: Account) => {
    pageStorage.token = account.token;
    signIn.hide();
    app.start(account);
  };
  const signIn = new SignIn(settings, start);

  const { token } = pageStorage;
  const userId = token === undefined ? undefined : subjectOf(token);
  if (token !== undefined && userId !== undefined) start({ token, userId });
  else signIn.show();
}

await main();
