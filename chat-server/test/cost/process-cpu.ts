import { readFile } from "node:fs/promises";

/** Milliseconds of a clock tick in /proc (`getconf CLK_TCK` is 100 on Linux). */
const TICK_MS = 10;

/** Milliseconds of CPU, user and system, that a process has taken with all its threads (proc(5), utime and stime). */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** What processes take while something runs; sums over the processes of a name. */
export async function cpuDuring<Result>(
  pids: Readonly<Record<string, readonly number[]>>,
  work: () => Promise<Result>,
): Promise<{ result: Result; cpu: Record<string, number> }> {
  const sum = async () => {
    const sums: Record<string, number> = {};
    for (const [name, list] of Object.entries(pids))
      sums[name] = (await Promise.all(list.map(cpuMs))).reduce((total, ms) => total + ms, 0);
    return sums;
  };
  const before = await sum();
  const result = await work();
  const after = await sum();
  const cpu = Object.fromEntries(Object.keys(pids).map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]));
  return { result, cpu };
}
