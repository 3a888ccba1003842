import { byId, setText } from "../element/dom.ts";
import type { LineState } from "./chat.ts";

const TEXTS: Readonly<Record<LineState["state"], string>> = {
  connecting: "Connecting…",
  online: "Online",
  reconnecting: "Reconnecting…",
  offline: "Offline",
};
const TRANSPORT_NAMES: Readonly<Record<string, string>> = {
  websocket: "WebSocket",
  sse: "SSE",
  long_polling: "Long polling",
  short_polling: "Short polling",
};

/** Whether one is online, over which transport and on which server, and the switch to go offline. */
export class LineView {
  readonly #root = byId("line", HTMLElement);
  readonly #text = byId("line-text", HTMLElement);
  readonly #where = byId("line-where", HTMLElement);
  readonly #switch = byId("line-switch", HTMLButtonElement);

  constructor(onSwitch: () => void) {
    this.#switch.addEventListener("click", onSwitch);
  }

  render(line: LineState): void {
    this.#root.dataset.state = line.state;
    setText(this.#text, TEXTS[line.state]);
    const where =
      line.state === "online" ? `${TRANSPORT_NAMES[line.transport] ?? line.transport} · ${line.serverId}` : "";
    setText(this.#where, where);
    this.#root.title = where;
    setText(this.#switch, line.state === "offline" ? "Come back" : "Go offline");
  }
}
