// Runs a TypeScript program of this repository on Node 24, whatever Node started it: installs the npm packages when the lockfile
// has changed since the last time, then hands over. Plain JavaScript without dependencies, since nothing is installed yet.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".installed-lockfile");
const lockfile = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lockfile) {
  process.stderr.write("Installing npm packages (first run, or the lockfile has changed) …\n");
  const install = spawnSync(
    "npm",
    [existsSync(join(root, "node_modules")) ? "install" : "ci", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      stdio: ["ignore", 2, 2],
    },
  );
  if (install.error || install.status !== 0) {
    process.stderr.write(
      `Installing npm packages failed${install.error ? `: ${install.error.message}` : ` with status ${install.status}`}\n`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, lockfile);
}

const bin = join(root, "node_modules", ".bin");
const [program, ...args] = process.argv.slice(2);
// Options of Node that a package wants for its programs.
const { config } = JSON.parse(readFileSync(join(root, program.split("/")[0], "package.json"), "utf8"));
const options = config?.nodeOptions?.split(" ") ?? [];
const child = spawn(join(bin, "node"), [...options, join(root, program), ...args], {
  stdio: "inherit",
  env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
});
// The terminal sends Ctrl-C to the whole process group; the child decides when to end, and we end with it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`cannot start Node 24: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
