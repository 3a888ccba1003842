import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * Makes minified ES modules for browsers in `dist/`: `chatcluster-client.js`, and beside it `chatcluster-indexeddb-outbox.js`, which not everybody needs.
 *
 * @returns the first one, for the test of its size.
 */
export async function buildForBrowsers({ write }: { write: boolean }): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
    entryPoints: [
      { in: "src/index.ts", out: "chatcluster-client" },
      { in: "src/indexeddb-outbox.ts", out: "chatcluster-indexeddb-outbox" },
    ],
    outdir: "dist",
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    // Private fields as the language has them: rewriting them for older browsers would cost a fifth of the size.
    target: "es2022",
    sourcemap: write,
    write: false,
  });
  if (write) {
    await mkdir(new URL("dist", import.meta.url), { recursive: true });
    await Promise.all(outputFiles.map(({ path, contents }) => writeFile(path, contents)));
  }
  const bundle = outputFiles.find(({ path }) => path.endsWith("chatcluster-client.js"));
  if (!bundle) throw new Error("esbuild made no bundle");
  return bundle.contents;
}

if (import.meta.main) {
  const bundle = await buildForBrowsers({ write: true });
  process.stdout.write(`client/dist/chatcluster-client.js: ${bundle.length} bytes\n`);
}
