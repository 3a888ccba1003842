/**
 * Users in rooms who write to each other, through the ingress: `k6 run -e CHAT_JWT_SECRET=… loadtest/scenarios/rooms.ts`.
 * The environment variables are those of `../k6/settings.ts`.
 */
import exec from "k6/execution";
import type { Options } from "k6/options";
import { LatencyTimeline } from "../k6/latency-timeline.ts";
import { thresholds } from "../k6/metrics.ts";
import { Room } from "../k6/room.ts";
import { readSettings } from "../k6/settings.ts";
import { resultsOf, type SummaryData, summaryText } from "../k6/summary.ts";

const settings = readSettings(__ENV);
const GRACE_SECONDS = 120;

export const options: Options = {
  scenarios: {
    rooms: {
      executor: "per-vu-iterations",
      vus: settings.vus,
      iterations: 1,
      maxDuration: `${settings.durationSeconds + GRACE_SECONDS}s`,
    },
  },
  thresholds: thresholds(settings),
  summaryTrendStats: ["min", "med", "avg", "p(90)", "p(95)", "p(99)", "max"],
};

interface Setup {
  /** Names this run: its users and conversations are new to the server. */
  readonly run: string;
}

export function setup(): Setup {
  return { run: `load${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}` };
}

export default async function rooms({ run }: Setup): Promise<void> {
  const timeline = new LatencyTimeline();
  const own: Room[] = [];
  for (let room = exec.vu.idInTest - 1; room < settings.rooms; room += settings.vus)
    own.push(new Room(settings, `${run}-r${room}`, timeline));
  try {
    await Promise.all(own.map((room) => room.open()));
    await Promise.all(own.map((room) => room.run()));
  } finally {
    for (const room of own) room.close();
  }
  // biome-ignore lint/suspicious/noConsole: k6 has no other way to hand on more than its metrics
  if (settings.timeline) console.log(JSON.stringify(timeline.toLine()));
}

export function handleSummary(data: SummaryData): Record<string, string> {
  const results = resultsOf(data, settings);
  return {
    stdout: summaryText(results),
    ...(settings.summaryFile !== undefined && { [settings.summaryFile]: `${JSON.stringify(results, null, 2)}\n` }),
  };
}
