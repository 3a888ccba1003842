import { element, setChildren, setText } from "../element/dom.ts";

/** A line of a chart: one value for each time, undefined where there was none. */
export interface Series {
  name: string;
  values: readonly (number | undefined)[];
}

export interface ChartOptions {
  title: string;
  /** What the values are in, as `ms`; nothing for plain counts. */
  unit?: string;
  /** The least top of the scale, so that noise near nothing does not look like much. */
  leastTop: number;
}

const WIDTH = 600;
const HEIGHT = 190;
const TICKS = 4;
const COLOURS = 6;

const svg = (name: string, attributes: Record<string, string>) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

/** Lines over the last minutes. The newest value is at the right edge; the scale follows what is shown. */
export class Chart {
  readonly root: HTMLElement;
  readonly #unit: string;
  readonly #leastTop: number;
  readonly #title: string;
  readonly #legend = element("ul", { class: "legend" });
  readonly #ticks = element("div", { class: "ticks", "aria-hidden": "true" });
  readonly #drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  readonly #lines = svg("g", {});
  readonly #keys = new Map<string, { item: HTMLLIElement; value: HTMLElement }>();

  /** @param seconds how long a time the chart spans. */
  constructor({ title, unit = "", leastTop }: ChartOptions, seconds: number) {
    this.#title = title;
    this.#unit = unit;
    this.#leastTop = leastTop;
    for (let tick = 0; tick <= TICKS; tick++) {
      const y = String((HEIGHT * tick) / TICKS);
      this.#drawing.append(svg("line", { x1: "0", x2: String(WIDTH), y1: y, y2: y }));
      this.#ticks.append(element("span"));
    }
    this.#drawing.append(this.#lines);
    const caption = element("figcaption", {}, element("h2", {}, title), this.#legend);
    const times = element("div", { class: "times", "aria-hidden": "true" });
    times.append(element("span", {}, `${seconds / 60} min ago`), element("span", {}, "now"));
    const scale = element("div", { class: "scale" }, this.#ticks, this.#drawing, times);
    this.root = element("figure", { class: "chart card" }, caption, scale);
  }

  /** @param length values that fit the width; a series with fewer is at the right. */
  draw(series: readonly Series[], length: number): void {
    const values = series.flatMap((each) => each.values).filter((value) => value !== undefined);
    const top = niceTop(Math.max(this.#leastTop, ...values));
    for (const [tick, label] of [...this.#ticks.children].entries())
      setText(label, short((top * (TICKS - tick)) / TICKS));
    const points = (each: Series) =>
      each.values.flatMap((value, index) => {
        if (value === undefined) return [];
        const x = WIDTH - ((each.values.length - 1 - index) * WIDTH) / (length - 1);
        return [`${x.toFixed(1)},${(HEIGHT - (value / top) * HEIGHT).toFixed(1)}`];
      });
    this.#lines.replaceChildren(
      ...series.map((each, index) =>
        svg("polyline", { points: points(each).join(" "), "data-series": String(index % COLOURS) }),
      ),
    );
    this.#drawLegend(series);
  }

  #drawLegend(series: readonly Series[]): void {
    const items = series.map((each, index) => {
      const key = this.#keys.get(each.name) ?? this.#makeKey(each.name, index);
      const last = each.values.at(-1);
      setText(key.value, last === undefined ? "–" : `${short(last)}${this.#unit && ` ${this.#unit}`}`);
      return { name: each.name, ...key };
    });
    setChildren(
      this.#legend,
      items.map(({ item }) => item),
    );
    const now = items.map(({ name, value }) => `${name} ${value.textContent}`).join(", ");
    this.#drawing.setAttribute("aria-label", `${this.#title}: now ${now || "nothing"}`);
  }

  #makeKey(name: string, index: number) {
    const value = element("b");
    const line = element("i", { "data-series": String(index % COLOURS), "aria-hidden": "true" });
    const made = { item: element("li", {}, line, element("span", {}, name), value), value };
    this.#keys.set(name, made);
    return made;
  }
}

/** The next of 1, 2, 4, 5 or 10 times a power of ten, which four ticks divide well. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 4, 5, 10].find((step) => step * power >= value) ?? 10);
}

/** A number in the three digits that matter. */
export function short(value: number): string {
  const digits = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3, notation: "compact" });
  return digits.format(value);
}
