import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import { build } from "esbuild";
import { buildPages } from "../../../chat-server/web/build.ts";
import { contentKey, exists, type Progress } from "../cache/entry.ts";
import { keepLastUsed } from "../cache/keep-last-used.ts";
import { putFile } from "./debian-layer.ts";
import { directoryLayer, type Layer } from "./layer.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** Native accelerators that packages use if they are there; they are not. */
const OPTIONAL = ["bufferutil", "utf-8-validate", "lz4", "snappy", "kerberos", "pino-pretty"];

/** CommonJS packages in the bundle still call `require` for Node's own modules, and look where they are. */
const BANNER = `import { createRequire as __createRequire } from "node:module";
const require = __createRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`;

/** Of one image's bundles, so many are kept: one is made for every change of a source. */
const KEPT_BUNDLES = 5;

export type Program = {
  entry: string;
  output: string;
  /** Files that are made for it, and that it reads from a folder beside its bundle. */
  made?: { folder: string; build(): Promise<Map<string, Uint8Array>> };
};

export const chatServer: readonly Program[] = [
  {
    entry: "chat-server/src/main.ts",
    output: "chat-server.mjs",
    made: { folder: "pages", build: buildPages },
  },
];
export const operator: readonly Program[] = [
  { entry: "operator/src/main.ts", output: "operator.mjs" },
  { entry: "operator/src/ingress-agent/main.ts", output: "ingress-agent.mjs" },
  { entry: "operator/src/cassandra-agent/main.ts", output: "cassandra-agent.mjs" },
  { entry: "operator/src/cassandra-agent/prepare.ts", output: "cassandra-prepare.mjs" },
  { entry: "operator/src/snapshot-store/main.ts", output: "snapshot-store.mjs" },
];

/** The layer with programs of this repository in `/app`. */
export async function bundleLayer(name: string, programs: readonly Program[], progress: Progress): Promise<Layer> {
  const files = await bundle(programs, progress);
  const key = contentKey(...[...files].flat());
  const layer = await directoryLayer(`${name}-${key}`, progress, async (root) => {
    for (const [path, content] of files) await putFile(root, join("app", path), content);
  });
  await keepLastUsed(dirname(layer.file), `${name}-`, KEPT_BUNDLES);
  return layer;
}

/**
 * Bundles programs of this repository, each with its source map and the files that it reads at run time.
 *
 * @returns contents by relative path
 */
export async function bundle(programs: readonly Program[], progress: Progress): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const program of programs) {
    if (!(await exists(join(ROOT, program.entry))))
      throw new CodedError("source_missing", `${program.entry}, which is to be bundled, does not exist`);
    progress(`esbuild ${program.entry}`);
    const result = await build({
      absWorkingDir: ROOT,
      entryPoints: [program.entry],
      outfile: join(ROOT, "dist", program.output),
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "node",
      target: "node24",
      sourcemap: "linked",
      sourcesContent: false,
      banner: { js: BANNER },
      external: OPTIONAL,
      logLevel: "silent",
    });
    for (const file of result.outputFiles) files.set(file.path.slice(join(ROOT, "dist").length + 1), file.contents);
    for (const source of Object.keys(result.metafile.inputs))
      for (const [path, content] of await assetsOf(source, program.made?.folder)) files.set(path, content);
    for (const [name, content] of (await program.made?.build()) ?? [])
      files.set(`${program.made?.folder}/${name}`, content);
  }
  return files;
}

/**
 * The files that a source names as `new URL("./PATH", import.meta.url)`, or all in a folder that it names so: they go beside the bundle
 * under the same relative path; a folder that is `made` is not among the sources. Any other use of the source's own place would mean another
 * folder in a bundle, so it is refused.
 */
async function assetsOf(source: string, made: string | undefined): Promise<[path: string, content: Uint8Array][]> {
  if (!source.endsWith(".ts") || source.includes("node_modules/")) return [];
  const text = await readFile(join(ROOT, source), "utf8");
  const named: string[] = [];
  const rest = text.replace(/new URL\("\.\/([\w./-]+)", import\.meta\.url\)/g, (_, path: string) => {
    if (path !== `${made}/`) named.push(path);
    return "";
  });
  if (/import\.meta\.(url|dirname|filename)/.test(rest))
    throw new CodedError(
      "unbundled_path",
      `${source} finds a file by import.meta in a way that does not work in a bundle: use new URL("./…", import.meta.url)`,
    );
  const folder = join(ROOT, dirname(source));
  const paths = (await Promise.all(named.map((path) => filesUnder(folder, path)))).flat();
  return Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path))]));
}

async function filesUnder(folder: string, path: string): Promise<string[]> {
  if ((await stat(join(folder, path))).isFile()) return [path];
  const entries = await readdir(join(folder, path), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
}
