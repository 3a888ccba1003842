import { messageOf } from "@chatcluster/foundation/errors";

export type StepProgress = (line: string) => void;

/** Shows steps as they are done: name, what it does just now, and how long it took. */
export type Steps = {
  run<T>(name: string, work: (progress: StepProgress) => Promise<T>): Promise<T>;
  say(line: string): void;
};

/** The part of a terminal that steps need. */
export type Screen = { isTTY?: boolean; columns?: number; write(text: string): unknown };

/** Milliseconds after which a line that has not changed is written again, as a sign of life. */
const REPEAT_AFTER = 20_000;

/** On a terminal the running step is one line that changes; elsewhere each of its lines stands by itself, at most one a second. */
export function createSteps(screen: Screen = process.stderr, now: () => number = () => performance.now()): Steps {
  return {
    say: (line) => void screen.write(`${line}\n`),
    async run(name, work) {
      const start = now();
      const seconds = () => `${((now() - start) / 1000).toFixed(1)} s`;
      const view = screen.isTTY ? changingLine(screen, name, seconds) : plainLines(screen, name, seconds, now);
      try {
        const result = await work(view.progress);
        view.end(`✔ ${name} (${seconds()})`);
        return result;
      } catch (error) {
        view.end(`✖ ${name} (${seconds()}): ${messageOf(error).split("\n")[0]}`);
        throw error;
      }
    },
  };
}

type View = { progress: StepProgress; end(line: string): void };

function changingLine(screen: Screen, name: string, seconds: () => string): View {
  let detail = "";
  const draw = () => {
    const line = `◌ ${name} (${seconds()})${detail === "" ? "" : `: ${detail}`}`;
    screen.write(`\r\x1b[2K${line.slice(0, (screen.columns ?? 80) - 1)}`);
  };
  draw();
  const timer = setInterval(draw, 200);
  return {
    progress(line) {
      detail = line;
      draw();
    },
    end(line) {
      clearInterval(timer);
      screen.write(`\r\x1b[2K${line}\n`);
    },
  };
}

function plainLines(screen: Screen, name: string, seconds: () => string, now: () => number): View {
  let last = { line: "", at: -Infinity };
  screen.write(`◌ ${name}\n`);
  return {
    progress(line) {
      if (now() - last.at < (line === last.line ? REPEAT_AFTER : 1000)) return;
      last = { line, at: now() };
      screen.write(`  ${name} (${seconds()}): ${line}\n`);
    },
    end: (line) => void screen.write(`${line}\n`),
  };
}
