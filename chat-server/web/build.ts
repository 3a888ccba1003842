import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** The pages: each one has a document, a script and a style sheet, all by its name. */
const PAGES = ["chat", "document", "live"] as const;

/**
 * Bundles the web pages, in memory.
 *
 * @returns contents by file name
 */
export async function buildPages(): Promise<Map<string, Uint8Array>> {
  const { outputFiles } = await build({
    absWorkingDir: FOLDER,
    entryPoints: [
      ...PAGES.flatMap((page) => [
        { in: `${page}/main.ts`, out: page },
        { in: `${page}/${page}.css`, out: page },
        { in: `${page}/${page}.html`, out: page },
      ]),
      { in: "style/icon.svg", out: "icon" },
    ],
    outdir: "pages",
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    // What the pages rely on, as nested style rules and private fields, these have: they are the browsers of the last years.
    target: ["chrome120", "firefox120", "safari17"],
    loader: { ".html": "copy", ".svg": "copy" },
    write: false,
    logLevel: "silent",
  });
  return new Map(outputFiles.map(({ path, contents }) => [path.slice(path.lastIndexOf("/") + 1), contents]));
}
