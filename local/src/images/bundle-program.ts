import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bundle, chatServer, operator } from "./bundle.ts";

// For the Dockerfiles: node local/src/images/bundle-program.ts chat-server|operator FOLDER

const images: Readonly<Record<string, typeof chatServer>> = { "chat-server": chatServer, operator };
const [name = "", target = ""] = process.argv.slice(2);
const programs = images[name];
if (!programs || target === "") {
  process.stderr.write(`usage: bundle-program.ts ${Object.keys(images).join("|")} FOLDER\n`);
  process.exit(2);
}
const files = await bundle(programs, (line) => process.stderr.write(`${line}\n`));
for (const [path, content] of files) {
  const file = join(target, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}
