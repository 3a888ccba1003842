import { byId, element, setChildren, setText } from "../element/dom.ts";
import { Chart, type Series, short } from "./chart.ts";
import type { Percentiles, Snapshot } from "./snapshot.ts";

const SECONDS = 120;
const PERCENTILES = ["p50", "p95", "p99"] as const;

type Server = Snapshot["servers"][number];

/** Everything on the dashboard, drawn anew with each snapshot. */
export class Board {
  readonly #snapshots: Snapshot[] = [];
  readonly #rows = new Map<string, HTMLTableRowElement>();
  readonly #tiles = new Map<string, HTMLElement>();
  readonly #connections = new Chart({ title: "Connections", leastTop: 4 }, SECONDS);
  readonly #messages = new Chart({ title: "Messages per second", leastTop: 4 }, SECONDS);
  readonly #deliveries = new Chart({ title: "Time to delivery", unit: "ms", leastTop: 4 }, SECONDS);
  readonly #sends = new Chart({ title: "Time until stored", unit: "ms", leastTop: 4 }, SECONDS);

  constructor() {
    const charts = [this.#connections, this.#messages, this.#deliveries, this.#sends];
    byId("charts", HTMLElement).append(...charts.map(({ root }) => root));
    for (const name of ["Servers", "Connections", "Messages/s", "Deliveries/s", "Delivered in (p99)"])
      this.#addTile(name);
    this.#draw();
  }

  add(snapshot: Snapshot): void {
    this.#snapshots.push(snapshot);
    if (this.#snapshots.length > SECONDS) this.#snapshots.shift();
    this.#draw();
  }

  #draw(): void {
    const latest = this.#snapshots.at(-1);
    const servers = latest?.servers ?? [];
    const sum = (of: (server: Server) => number) => short(servers.reduce((total, server) => total + of(server), 0));
    this.#setTile("Servers", String(servers.length));
    this.#setTile(
      "Connections",
      sum(({ connections }) => connections),
    );
    this.#setTile(
      "Messages/s",
      sum(({ messagesPerSecond }) => messagesPerSecond),
    );
    this.#setTile(
      "Deliveries/s",
      sum(({ deliveriesPerSecond }) => deliveriesPerSecond),
    );
    this.#setTile("Delivered in (p99)", latest?.deliveries ? `${short(latest.deliveries.p99)} ms` : "–");
    this.#connections.draw(
      this.#byServer(({ connections }) => connections),
      SECONDS,
    );
    this.#messages.draw(
      this.#byServer(({ messagesPerSecond }) => messagesPerSecond),
      SECONDS,
    );
    this.#deliveries.draw(
      this.#byPercentile(({ deliveries }) => deliveries),
      SECONDS,
    );
    this.#sends.draw(
      this.#byPercentile(({ sends }) => sends),
      SECONDS,
    );
    setChildren(
      byId("servers", HTMLElement),
      servers.map((server) => this.#row(server)),
    );
  }

  /** One line for each server that was there in the time shown. */
  #byServer(value: (server: Server) => number): Series[] {
    const names = new Set(this.#snapshots.flatMap(({ servers }) => servers.map(({ serverId }) => serverId)));
    return [...names].sort().map((name) => ({
      name,
      values: this.#snapshots.map(({ servers }) => {
        const server = servers.find(({ serverId }) => serverId === name);
        return server && value(server);
      }),
    }));
  }

  #byPercentile(of: (snapshot: Snapshot) => Percentiles | undefined): Series[] {
    return PERCENTILES.map((name) => ({ name, values: this.#snapshots.map((snapshot) => of(snapshot)?.[name]) }));
  }

  #row({ serverId, connections, messagesPerSecond, deliveriesPerSecond }: Server): HTMLTableRowElement {
    const row = this.#rows.get(serverId) ?? element("tr", {}, element("th", { scope: "row" }, serverId));
    this.#rows.set(serverId, row);
    for (const [index, value] of [connections, messagesPerSecond, deliveriesPerSecond].entries())
      setText(row.cells[index + 1] ?? row.insertCell(), short(value));
    return row;
  }

  #addTile(name: string): void {
    const value = element("dd", {}, "–");
    this.#tiles.set(name, value);
    byId("tiles", HTMLElement).append(element("div", { class: "tile" }, element("dt", {}, name), value));
  }

  #setTile(name: string, text: string): void {
    const tile = this.#tiles.get(name);
    if (tile) setText(tile, text);
  }
}
