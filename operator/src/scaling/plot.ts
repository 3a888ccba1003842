import { writeFile } from "node:fs/promises";
import type { Frame } from "./simulation.ts";
import { simulate } from "./simulation.ts";
import { clientsOf } from "./traffic.ts";

/** The picture of docs/scaling.md. Run this file to write it again. */
export const PLOT_FILE = new URL("../../../docs/scaling.svg", import.meta.url);

const TARGET = 5000;
const DAY = 86_400;

/** One day: the daily wave, a flash crowd, a dead pod and an hour in which no count can be read. */
export function plottedDay(): Frame[] {
  return simulate({
    policy: {
      min: 2,
      max: 20,
      connectionsPerServer: TARGET,
      maxConnections: 15_000,
      timing: { stabilization: 300, ramp: 60, startup: 30 },
    },
    seconds: DAY,
    clientsAt: clientsOf({
      low: 6000,
      high: 45_000,
      crowds: [{ at: 68_000, clients: 30_000, rampSeconds: 120, seconds: 3600 }],
      ripple: 0.03,
    }),
    incidents: [
      { at: 36_000, type: "pod-dies" },
      { at: 54_000, type: "counts-lost", seconds: 5400, all: true },
      { at: 62_000, type: "operator-restarts" },
    ],
    drainSeconds: 30,
    startSeconds: 20,
    periodSeconds: 10,
  });
}

const WIDTH = 960;
const HEIGHT = 420;
const MARGIN = { left: 60, right: 20, top: 40, bottom: 40 };
const MOST = 16 * TARGET;

/** Clients, and the target's worth of the servers that serve, over the day. */
export function drawPlot(frames: readonly Frame[]): string {
  const minutes = frames.filter(({ at }) => at % 120 === 0);
  const marks = [
    [36_000, "pod dies"],
    [54_000, "counts lost"],
    [59_400, "read again"],
    [68_000, "flash crowd"],
  ] as const;
  const hours = [0, 4, 8, 12, 16, 20, 24];
  const heights = [0, 4, 8, 12, 16];
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" role="img" aria-label="Servers follow connections over a simulated day">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    ...heights.map((servers) => {
      const y = yOf(servers * TARGET);
      const label = `${servers} servers`;
      return `<path d="M${MARGIN.left} ${y}H${WIDTH - MARGIN.right}" stroke="#dddddd"/><text x="4" y="${y + 4}">${label}</text>`;
    }),
    ...hours.map((hour) => `<text x="${xOf(hour * 3600)}" y="${HEIGHT - 16}" text-anchor="middle">${hour}:00</text>`),
    ...marks.map(([at, label], index) => {
      const y = MARGIN.top + (index % 2) * 14;
      return `<path d="M${xOf(at)} ${y}V${yOf(0)}" stroke="#999999" stroke-dasharray="3 3"/><text x="${xOf(at) + 4}" y="${y + 10}" fill="#555555">${label}</text>`;
    }),
    `<path d="${steps(minutes)}" fill="none" stroke="#c2410c" stroke-width="2"/>`,
    `<path d="${line(minutes)}" fill="none" stroke="#1d4ed8" stroke-width="1.5"/>`,
    `<text x="${MARGIN.left}" y="20"><tspan fill="#1d4ed8">connections</tspan> and <tspan fill="#c2410c">what the serving servers hold at their target (${TARGET} each)</tspan></text>`,
    "</svg>",
  ].join("\n")}\n`;
}

function xOf(second: number): number {
  return Math.round(MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * second) / DAY);
}

function yOf(connections: number): number {
  return Math.round(HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * connections) / MOST);
}

function line(frames: readonly Frame[]): string {
  return `M${frames.map(({ at, connected }) => `${xOf(at)} ${yOf(connected)}`).join("L")}`;
}

function steps(frames: readonly Frame[]): string {
  return frames
    .map(({ at, serving }, index) => `${index === 0 ? `M${xOf(at)} ` : `H${xOf(at)}V`}${yOf(serving * TARGET)}`)
    .join("");
}

if (import.meta.main) await writeFile(PLOT_FILE, drawPlot(plottedDay()));
