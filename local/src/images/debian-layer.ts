import { appendFile, chmod, chown, cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exists } from "../cache/entry.ts";
import { runCommand } from "../tools/command.ts";
import type { Layer } from "./layer.ts";

/** Debian's packages put some files in folders that are links in an image (`/lib` is `/usr/lib`, https://wiki.debian.org/UsrMerge). */
const FOLDERS = [
  ["bin", "usr/bin"],
  ["sbin", "usr/sbin"],
  ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"],
  ["usr/bin", "usr/bin"],
  ["usr/sbin", "usr/sbin"],
  ["usr/lib", "usr/lib"],
] as const;

/** What a running program never reads: services for an init system that an image does not have, and checks of a bug tracker. */
const UNUSED = ["systemd", "tmpfiles.d", "sysusers.d"];

/** Copies the programs and libraries of extracted packages into a layer, and `alsoCopied` paths besides. */
export async function copyPackages(extracted: string, root: string, alsoCopied: readonly string[] = []): Promise<void> {
  for (const [from, to] of [...FOLDERS, ...alsoCopied.map((path) => [path, path] as const)]) {
    if (!(await exists(join(extracted, from)))) continue;
    await makeDirectory(root, to);
    await cp(join(extracted, from), join(root, to), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !UNUSED.some((name) => path === join(extracted, "usr/lib", name)),
    });
  }
  // Modes and owners as packages have them, whatever this process's umask is.
  await runCommand("chmod", ["--recursive", "u+rwX,go+rX,go-w", root]);
}

/** Makes a folder in a layer, and those above it, readable by all; `owner` is a user and group id for the last one. */
export async function makeDirectory(root: string, path: string, owner = 0): Promise<void> {
  let current = root;
  for (const part of path.split("/")) {
    current = join(current, part);
    if (await exists(current)) continue;
    await mkdir(current);
    await chmod(current, 0o755);
  }
  await chown(current, owner, owner);
}

export async function putFile(root: string, path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await makeDirectory(root, dirname(path));
  await writeFile(join(root, path), content);
  await chmod(join(root, path), mode);
}

/** Names a user and a group with the same id, besides those of the base image: the JVM and `id` ask for the name. */
export async function addUser(root: string, base: Layer, name: string, id: number, home: string): Promise<void> {
  for (const [file, line] of [
    ["etc/passwd", `${name}:x:${id}:${id}::${home}:/usr/sbin/nologin\n`],
    ["etc/group", `${name}:x:${id}:\n`],
  ] as const) {
    const existing = await runCommand("tar", ["--extract", "--to-stdout", "--file", base.file, `./${file}`]);
    await putFile(root, file, `${existing}\n`);
    await appendFile(join(root, file), line);
  }
}
