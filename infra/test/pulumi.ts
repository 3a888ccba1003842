import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { tools } from "@chatcluster/local/tools";
import * as pulumi from "@pulumi/pulumi";
import { LocalWorkspace, PulumiCommand, type Stack } from "@pulumi/pulumi/automation/index.js";
import { readStackConfig } from "../src/config/stack-config.ts";
import { createStack } from "../src/stack.ts";

/** A stack as people configure it: texts and objects by key, without the project's name. */
export type StackSettings = Readonly<Record<string, unknown>>;

/** An engine that is compiled from its Go module reports no version, which the Automation API wants to know; the module tells it. */
async function engine(): Promise<PulumiCommand> {
  const module = readFileSync(join(import.meta.dirname, "../../local/go/pulumi/go.mod"), "utf8");
  const [, version] = /github\.com\/pulumi\/pulumi\/pkg\/v3 v([0-9.]+)/.exec(module) ?? [];
  if (version === undefined) throw new Error("local/go/pulumi/go.mod names no version of Pulumi");
  return Object.assign(await PulumiCommand.get({ skipVersionCheck: true }), { version });
}

/** Stacks of this program, run by the real Pulumi engine with the state in a folder of its own and the stand-in as provider. */
export class Pulumi {
  readonly #folder = mkdtempSync(join(tmpdir(), "chatcluster-pulumi-"));
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async start(): Promise<Pulumi> {
    const { pulumi: cli, helm } = await tools(["pulumi", "helm"]);
    const standIn = join(import.meta.dirname, "kubernetes-provider-stand-in");
    return new Pulumi(
      [standIn, dirname(process.execPath), dirname(cli), dirname(helm), process.env.PATH ?? ""].join(":"),
    );
  }

  /** The stack `name`, made or found, with exactly these settings. */
  async stack(name: string, settings: StackSettings): Promise<Stack> {
    const environment = {
      PATH: this.#path,
      PULUMI_HOME: join(this.#folder, "home"),
      PULUMI_BACKEND_URL: `file://${this.#folder}`,
      PULUMI_CONFIG_PASSPHRASE: "a passphrase of a test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    };
    // The Automation API looks for the engine's program on the PATH of this process.
    process.env.PATH = this.#path;
    const stack = await LocalWorkspace.createOrSelectStack(
      {
        stackName: name,
        projectName: "chatcluster",
        program: async () => ({
          ...createStack(readStackConfig(pulumi.runtime.allConfig(), pulumi.getProject(), process.env)),
        }),
      },
      { envVars: environment, pulumiCommand: await engine() },
    );
    const before = Object.keys(await stack.getAllConfig());
    if (before.length > 0) await stack.removeAllConfig(before);
    const texts = Object.entries(settings).map(([key, value]) => {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      return [`chatcluster:${key}`, { value: text }] as const;
    });
    await stack.setAllConfig(Object.fromEntries(texts));
    return stack;
  }

  stop(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
