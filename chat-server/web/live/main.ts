import type { PageSettings } from "../../src/web/pages.ts";
import { pageStorage } from "../chat/page-storage.ts";
import { byId, setText } from "../element/dom.ts";
import { Board } from "./board.ts";
import { parseSnapshot } from "./snapshot.ts";

const STATE_TEXTS = { connecting: "Connecting…", live: "Live", refused: "Sign in on the chat page first" } as const;

function show(state: keyof typeof STATE_TEXTS): void {
  byId("state", HTMLElement).dataset.state = state;
  setText(byId("state-text", HTMLElement), STATE_TEXTS[state]);
}

async function main(): Promise<void> {
  const settings = (await (await fetch("/settings.json")).json()) as PageSettings;
  const address = new URL("/live/events", location.href);
  // An EventSource can't send headers (HTML standard, section 9.2.2), so the token goes where WebSockets have it, too.
  const { token } = pageStorage;
  if (settings.dashboard === "token" && token !== undefined) address.searchParams.set("token", token);
  const board = new Board();
  const events = new EventSource(address);
  events.addEventListener("message", ({ data }) => {
    show("live");
    board.add(parseSnapshot(String(data)));
  });
  // It comes back by itself after a loss, but not after an answer that is no stream.
  events.addEventListener("error", () => show(events.readyState === EventSource.CLOSED ? "refused" : "connecting"));
}

await main();
