import type { Results } from "../k6/summary.ts";
import { escapeHtml, lineChart } from "./chart.ts";
import { countOf, percentile, type Second, total } from "./timeline.ts";

const PERCENTILES = [50, 75, 90, 95, 99, 99.9, 100];
const LINES = [
  { percent: 50, name: "p50", color: "#2b8a3e" },
  { percent: 95, name: "p95", color: "#1971c2" },
  { percent: 99, name: "p99", color: "#c2255c" },
];
const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem}
svg{width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:currentColor}.grid{stroke:currentColor;opacity:.15}
line.limit{stroke:#e03131;stroke-dasharray:6 4}svg text.limit{fill:#e03131}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;border-bottom:1px solid #8884}
.ok{color:#2b8a3e}.failed{color:#e03131;font-weight:bold}`;

/** One HTML page, with everything in it, about one run. */
export function reportHtml(title: string, results: Results, seconds: readonly Second[]): string {
  const all = total(seconds);
  const start = seconds[0]?.second ?? 0;
  const limit = { y: Number(results.settings.latencyP99Ms), text: `p99 < ${results.settings.latencyP99Ms} ms` };
  const overTime = lineChart({
    title: "Delivery latency over time: percentiles of each second",
    xLabel: "seconds since the first delivery",
    yLabel: "ms",
    series: LINES.map(({ percent, name, color }) => ({
      name,
      color,
      points: seconds.map(({ second, histogram }) => [second - start, percentile(histogram, percent)] as const),
    })),
    limit,
  });
  const rate = lineChart({
    title: "Deliveries per second over time",
    xLabel: "seconds since the first delivery",
    yLabel: "deliveries/s",
    series: [
      {
        name: "deliveries",
        color: "#1971c2",
        points: seconds.map(({ second, histogram }) => [second - start, countOf(histogram)] as const),
      },
    ],
  });
  const distribution = lineChart({
    title: "Delivery latency by percentile of the whole run",
    xLabel: "percent of the deliveries",
    yLabel: "ms",
    series: [
      {
        name: "latency",
        color: "#c2255c",
        points: PERCENTILES.map((percent, i) => [i, percentile(all, percent)] as const).filter(
          ([, y]) => !Number.isNaN(y),
        ),
      },
    ],
    xMarks: PERCENTILES.map((percent, at) => ({ at, text: `${percent}` })),
    limit,
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
<p class="${results.passed ? "ok" : "failed"}">${results.passed ? "All thresholds held." : "A threshold was crossed."}</p>
<h2>Thresholds</h2>${thresholdTable(results)}
<h2>Delivery latency over time</h2>${overTime}
<h2>Deliveries per second</h2>${rate}
<h2>Delivery latency by percentile</h2>${distribution}
<h2>Metrics</h2>${metricTable(results)}
<h2>Settings</h2>${table(Object.entries(results.settings).map(([name, value]) => [name, String(value)]))}
</body></html>
`;
}

function thresholdTable({ thresholds }: Results): string {
  const rows = thresholds.map(
    ({ metric, condition, ok }) =>
      `<tr><td>${escapeHtml(metric)}</td><td>${escapeHtml(condition)}</td><td class="${ok ? "ok" : "failed"}">${ok ? "held" : "crossed"}</td></tr>`,
  );
  return `<table><tr><th>metric</th><th>condition</th><th></th></tr>${rows.join("")}</table>`;
}

function metricTable({ metrics }: Results): string {
  return table(
    Object.entries(metrics).map(([name, values]) => [
      name,
      Object.entries(values)
        .map(([key, value]) => `${key} ${Math.round(value * 10) / 10}`)
        .join(", "),
    ]),
  );
}

function table(rows: readonly (readonly [string, string])[]): string {
  return `<table>${rows.map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`).join("")}</table>`;
}
