import { spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { tool } from "@chatcluster/local/tools";
import type { Results } from "../k6/summary.ts";
import { type Profile, profiles } from "./profiles.ts";
import { reportHtml } from "./report.ts";
import { mergeTimelines } from "./timeline.ts";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
/** k6's status when a threshold was crossed; the run itself went well. */
const THRESHOLDS_CROSSED = 99;

const USAGE = `Usage: npm run loadtest -- [--profile ${Object.keys(profiles).join("|")}] [--rooms N] [--users N] [--rate N]
                          [--duration 30s] [--url ws://127.0.0.1:8080/chat] [--allow-remote]
  --rooms     rooms                              --users  users of each room
  --rate      messages per second of each user   --url    the chat servers' address, the ingress'
CHAT_JWT_SECRET in the environment is the servers' HS256 secret.`;

/** Where the files of a run are. */
export interface Run {
  readonly results: Results;
  readonly json: string;
  readonly html: string;
}

/** What the command line asks for. @throws CodedError `invalid_arguments`, `remote_target`. */
export function readArguments(args: string[]): { profile: string; size: Profile; url: string } {
  const { values } = parse(args);
  const profile = values.profile ?? "rooms";
  const base = profiles[profile];
  if (!base)
    throw new CodedError("invalid_arguments", `--profile must be one of ${Object.keys(profiles).join(", ")}\n${USAGE}`);
  const size: Profile = {
    rooms: numberOf("--rooms", values.rooms, base.rooms),
    users: numberOf("--users", values.users, base.users),
    rate: numberOf("--rate", values.rate, base.rate),
    duration: values.duration ?? base.duration,
  };
  const url = values.url ?? "ws://127.0.0.1:8080/chat";
  if (!values["allow-remote"] && !isLoopback(url)) {
    throw new CodedError(
      "remote_target",
      `${url} is not on this machine: load may only be put on servers that you answer for. --allow-remote says that you do`,
    );
  }
  return { profile, size, url };
}

/** Runs the scenario and writes its results and report to `folder`. @throws CodedError `k6_failed` if k6 did not come to results. */
export async function run(
  { profile, size, url }: ReturnType<typeof readArguments>,
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<Run> {
  const k6 = await tool("k6", (line) => process.stderr.write(`${line}\n`));
  await mkdir(folder, { recursive: true });
  const name = `${new Date().toISOString().replace(/[:.]/g, "-")}-${profile}`;
  const [json, html, log] = ["json", "html", "log"].map((type) => join(folder, `${name}.${type}`)) as [
    string,
    string,
    string,
  ];
  const status = await runK6(k6, log, {
    ...env,
    CHAT_URL: url,
    ROOMS: String(size.rooms),
    USERS_PER_ROOM: String(size.users),
    MESSAGES_PER_SECOND: String(size.rate),
    DURATION: size.duration,
    SUMMARY_FILE: json,
    TIMELINE: "1",
  });
  const output = await readFile(log, "utf8").catch(() => "");
  if (status !== 0 && status !== THRESHOLDS_CROSSED)
    throw new CodedError("k6_failed", `k6 ended with status ${status}:\n${output.slice(-4_000)}`);
  const results = JSON.parse(await readFile(json, "utf8")) as Results;
  await writeFile(html, reportHtml(`Load test "${profile}"`, results, mergeTimelines(output)));
  // The log has served: its lines are in the report. What k6 warned of stays.
  const warnings = output.split("\n").filter((line) => line !== "" && !line.startsWith('{"timeline"'));
  if (warnings.length > 0) await writeFile(log, `${warnings.join("\n")}\n`);
  else await rm(log, { force: true });
  return { results, json, html };
}

function runK6(k6: string, log: string, env: NodeJS.ProcessEnv): Promise<number> {
  const args = [
    "run",
    // Its progress bar is for terminals; elsewhere it is a line a second.
    ...(process.stdout.isTTY ? [] : ["--quiet"]),
    "--address",
    "127.0.0.1:0",
    "--no-usage-report",
    "--log-format",
    "raw",
    "--log-output",
    `file=${log}`,
  ];
  return new Promise((resolve, reject) => {
    // The secret goes by the environment: arguments can be read by every user of the machine.
    const child = spawn(k6, [...args, join(FOLDER, "scenarios", "rooms.ts")], {
      env,
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === null) reject(new CodedError("k6_failed", `k6 was ended by ${signal}`));
      else resolve(code);
    });
  });
}

/** Whether an address stays on this machine. Names other than `localhost` could lead anywhere. */
export function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || (isIP(hostname) === 4 && hostname.startsWith("127."));
}

function parse(args: string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args,
      options: {
        profile: text,
        rooms: text,
        users: text,
        rate: text,
        duration: text,
        url: text,
        "allow-remote": { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new CodedError("invalid_arguments", `${messageOf(error)}\n${USAGE}`, { cause: error });
  }
}

function numberOf(name: string, given: string | undefined, fallback: number): number {
  const value = given === undefined ? fallback : Number(given);
  if (given?.trim() === "" || !Number.isFinite(value) || value <= 0)
    throw new CodedError("invalid_arguments", `${name} must be a positive number\n${USAGE}`);
  return value;
}

if (import.meta.main) {
  try {
    const { results, json, html } = await run(
      readArguments(process.argv.slice(2)),
      process.env,
      join(FOLDER, "results"),
    );
    process.stdout.write(`  results ${relative(process.cwd(), json)}\n  report  ${relative(process.cwd(), html)}\n`);
    process.exitCode = results.passed ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 2;
  }
}
