import { globSync } from "node:fs";
import { join } from "node:path";

/** A stage of the test run: what it checks, which files it has, and how they run. */
export interface Stage {
  readonly name: string;
  readonly what: string;
  /** Test files relative to the repository's root, sorted. */
  readonly files: (root: string) => string[];
  /** A program of the repository, with its arguments, that must succeed before the files run; counts as one test. */
  readonly prepare?: readonly [program: string, ...args: string[]];
  /** Test files that run at the same time, each in a process of its own; in each lane, if there are lanes. */
  readonly concurrency: number;
  /** The lane of a file: lanes run side by side, so what disturbs each other is in one. Without it all are in one. */
  readonly lane?: (file: string) => string;
  /** Milliseconds after which a file counts as hanging. */
  readonly timeoutMs: number;
}

const MINUTE = 60_000;

/** The stages in their order: the quick and the telling ones first. */
export const stages: readonly Stage[] = [
  {
    name: "unit",
    what: "nothing running",
    files: (root) => find(root, "**/*.test.ts").filter((file) => !/\.(integration|e2e)\.test\.ts$/.test(file)),
    concurrency: 2,
    timeoutMs: 2 * MINUTE,
  },
  {
    name: "integration",
    what: "real Redis, Cassandra, HAProxy and API server on 127.0.0.1",
    files: (root) => find(root, "**/*.integration.test.ts").filter((file) => !isSensitive(file)),
    // More than there are cores: most wait half of the time, for an API server, a time-out or a process that starts.
    concurrency: 3,
    timeoutMs: 15 * MINUTE,
  },
  {
    name: "sensitive",
    what: "the same, but one after the other: what measures, and what has times that are short for a test",
    files: (root) => find(root, "**/*.integration.test.ts").filter(isSensitive),
    concurrency: 1,
    timeoutMs: 15 * MINUTE,
  },
  {
    name: "e2e",
    what: "the whole on the local Kubernetes: Cassandra's ring in one lane, the others in the other",
    files: (root) => find(root, "e2e/**/*.e2e.test.ts").filter((file) => !isDisturbing(file)),
    prepare: ["local/src/cli.ts", "up"],
    concurrency: 1,
    lane: (file) => (file.includes("/cassandra-ring/") ? "ring" : "others"),
    timeoutMs: 20 * MINUTE,
  },
  {
    name: "e2e-alone",
    what: "the same, but one after the other: what takes away a part of the cluster",
    files: (root) => find(root, "e2e/**/*.e2e.test.ts").filter(isDisturbing),
    prepare: ["local/src/cli.ts", "up"],
    concurrency: 1,
    timeoutMs: 20 * MINUTE,
  },
];

const isDisturbing = (file: string): boolean => /\/(control-plane-restart|node-loss)\//.test(file);

const SENSITIVE = [
  /^chat-server\/test\/(cost|checker)\//,
  /^chat-server\/test\/(faults|half-open)\./,
  /^operator\/test\/scale\//,
  /redis-(scripts|passwords)\./,
  /^local\/src\/cluster\//,
];

const isSensitive = (file: string): boolean => SENSITIVE.some((pattern) => pattern.test(file));

function find(root: string, pattern: string): string[] {
  const ignored = (name: string) => name === "node_modules" || name === "dist" || name.startsWith(".");
  return globSync(pattern, { cwd: root, exclude: (path) => path.split("/").some(ignored) })
    .map((file) => join(file))
    .sort();
}
