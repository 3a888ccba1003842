import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";

/** One file of the web pages, ready to be answered with. */
export interface PageFile {
  content: Buffer;
  contentType: string;
  /** A strong validator (RFC 9110, section 8.8.3). */
  etag: string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Not a literal at the import, so that the image's bundle does not take the bundler itself in. */
const DEVELOPMENT_BUILD: string = "../../web/build.ts";

/**
 * The files of the pages, by name. Images carry them ready-made in `pages/` beside the bundle; in a checkout they are bundled in memory
 * when the first one is asked for, so that the server itself starts without waiting for that.
 */
export class PageFiles {
  #files: Promise<ReadonlyMap<string, PageFile>> | undefined;

  /** @throws CodedError `unavailable` if they can't be made, as in a checkout without the development dependencies. */
  async get(name: string): Promise<PageFile | undefined> {
    this.#files ??= this.#load();
    try {
      return (await this.#files).get(name);
    } catch (error) {
      // Made again at the next request: the reason may be gone.
      this.#files = undefined;
      throw new CodedError("unavailable", `the web pages can't be made: ${messageOf(error)}`, { cause: error });
    }
  }

  async #load(): Promise<ReadonlyMap<string, PageFile>> {
    const contents = (await prebuilt(new URL("./pages/", import.meta.url))) ?? (await bundled());
    return new Map([...contents].map(([name, content]) => [name, pageFile(name, content)]));
  }
}

async function prebuilt(folder: URL): Promise<Map<string, Uint8Array> | undefined> {
  try {
    const names = await readdir(folder);
    return new Map(
      await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, folder))] as [string, Buffer])),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function bundled(): Promise<Map<string, Uint8Array>> {
  const { buildPages } = (await import(DEVELOPMENT_BUILD)) as typeof import("../../web/build.ts");
  return buildPages();
}

function pageFile(name: string, content: Uint8Array): PageFile {
  return {
    content: Buffer.from(content),
    contentType: CONTENT_TYPES[extname(name)] ?? "application/octet-stream",
    etag: `"${createHash("sha256").update(content).digest("base64url").slice(0, 27)}"`,
  };
}
