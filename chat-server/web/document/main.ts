import type { PageSettings } from "../../src/web/pages.ts";
import { pageStorage } from "../chat/page-storage.ts";
import { type Account, SignIn, subjectOf } from "../chat/sign-in.ts";
import { App } from "./app.ts";

async function main(): Promise<void> {
  const settings = (await (await fetch("/settings.json")).json()) as PageSettings;
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
