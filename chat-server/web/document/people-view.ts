import { hueOf, initials } from "../chat/format.ts";
import { byId, element, setChildren } from "../element/dom.ts";

export interface Person {
  userId: string;
  /** Whose edits have just come; who has a connection; who wrote here once, of whom no more is known. */
  state: "writing" | "online" | "away";
}

const MAX_SHOWN = 6;
const STATE_TEXTS: Readonly<Record<Person["state"], string>> = {
  writing: "writing",
  online: "online",
  away: "wrote here",
};

/** Who else has to do with a document: an initial in a colour for each, and what that one does. */
export class PeopleView {
  readonly #list = byId("people-here", HTMLElement);
  #shown = "";

  render(people: readonly Person[]): void {
    const key = people.map(({ userId, state }) => `${userId}=${state}`).join(",");
    if (key === this.#shown) return;
    this.#shown = key;
    const shown = people.slice(0, MAX_SHOWN).map((person) => chip(person));
    const rest = people.length - shown.length;
    if (rest > 0) shown.push(element("li", { class: "muted" }, `and ${rest} more`));
    setChildren(this.#list, shown);
  }
}

function chip({ userId, state }: Person): HTMLLIElement {
  const text = `${userId}, ${STATE_TEXTS[state]}`;
  return element(
    "li",
    { class: "person", "data-state": state, "data-hue": hueOf(userId), title: text },
    element("span", { class: "avatar", "data-hue": hueOf(userId), "aria-hidden": "true" }, initials(userId)),
    element("span", { class: "visually-hidden" }, text),
  );
}
