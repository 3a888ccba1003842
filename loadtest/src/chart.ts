/** One line of a chart; the points' units are the axes'. */
export interface Series {
  readonly name: string;
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Where the x axis has its marks, and how they read [five even ones]. */
  readonly xMarks?: readonly { readonly at: number; readonly text: string }[];
  /** A level to stay under, drawn as a dashed line. */
  readonly limit?: { readonly y: number; readonly text: string };
}

const WIDTH = 860;
const HEIGHT = 300;
const LEFT = 64;
const RIGHT = 16;
const TOP = 36;
const BOTTOM = 48;
const Y_MARKS = 4;

/** A line chart as a self-contained SVG element with a text alternative. */
export function lineChart({ title, xLabel, yLabel, series, xMarks, limit }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const [minX, maxX] = extent(points.map(([x]) => x));
  const top = niceCeiling(Math.max(1, limit?.y ?? 0, ...points.map(([, y]) => y)));
  const x = (value: number) => round(LEFT + ((value - minX) / (maxX - minX || 1)) * (WIDTH - LEFT - RIGHT));
  const y = (value: number) => round(HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM));
  const marks = xMarks ?? evenMarks(minX, maxX);
  const horizontal = Array.from({ length: Y_MARKS + 1 }, (_, i) => (top / Y_MARKS) * i).map(
    (value) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>` +
      `<text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${round(value)}</text>`,
  );
  const vertical = marks.map(
    ({ at, text }) => `<text x="${x(at)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${escapeHtml(text)}</text>`,
  );
  const lines = series.map(
    ({ color, points: own }) =>
      `<polyline fill="none" stroke="${color}" stroke-width="2" points="${own.map(([px, py]) => `${x(px)},${y(py)}`).join(" ")}"/>`,
  );
  const legend = series.map(
    ({ name, color }, i) =>
      `<rect x="${LEFT + i * 96}" y="12" width="12" height="12" fill="${color}"/><text x="${LEFT + i * 96 + 18}" y="22">${escapeHtml(name)}</text>`,
  );
  const limitLine = limit
    ? `<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(limit.y)}" y2="${y(limit.y)}"/><text class="limit" x="${WIDTH - RIGHT}" y="${y(limit.y) - 5}" text-anchor="end">${escapeHtml(limit.text)}</text>`
    : "";
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">
${[...horizontal, ...vertical, ...lines, limitLine, ...legend].join("\n")}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escapeHtml(xLabel)}</text>
<text transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(yLabel)}</text>
</svg>`;
}

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}

function extent(values: readonly number[]): [number, number] {
  return values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
}

function evenMarks(min: number, max: number): { at: number; text: string }[] {
  return Array.from({ length: 5 }, (_, i) => min + ((max - min) / 4) * i).map((at) => ({
    at,
    text: String(round(at)),
  }));
}

/** The next number of the form 1, 2, 4 or 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
