import { CodedError } from "@chatcluster/foundation/errors";
import { Command, InvalidArgumentError, Option } from "commander";
import { MAX_NODES } from "./cluster/layout.ts";
import { loadSettings } from "./cluster/settings.ts";
import { createSteps } from "./cluster/steps.ts";
import { DEFAULT_PORTS } from "./cluster/way-in.ts";

/** `npm run up`, `down`, `status` and `token`. */

const environment = `
Environment:
  CHATCLUSTER_STATE  where the cluster keeps its state and its kubeconfig [/var/lib/chatcluster]
  CHATCLUSTER_NAME   chatcluster, or chatcluster-WORD for one beside it, with other ports [chatcluster]
  CHATCLUSTER_CACHE  what is compiled or downloaded [~/.cache/chatcluster]
`;

type UpFlags = {
  nodes?: number;
  provider: "local" | "kind";
  only?: "cluster";
  apiPort?: number;
  ingressPort?: number;
};

const program = new Command("npm run").helpCommand(false).addHelpText("after", environment);

command("up", "Bring up a local Kubernetes with the operator and a sample ChatCluster, or bring it up to date.")
  .option("--nodes <number>", `nodes, 1 to ${MAX_NODES} (default: as it is, else 1)`, integer(1, MAX_NODES))
  .addOption(
    new Option("--provider <name>", "local: on this machine without Docker; kind: in Docker")
      .choices(["local", "kind"])
      .default("local"),
  )
  .addOption(new Option("--only <part>", "cluster: without the operator and the sample").choices(["cluster"]))
  .option(
    "--api-port <port>",
    `API server on 127.0.0.1 (default: as it is, else ${DEFAULT_PORTS.api})`,
    integer(1, 65535),
  )
  .option(
    "--ingress-port <port>",
    `ingress on 127.0.0.1 (default: as it is, else ${DEFAULT_PORTS.ingress})`,
    integer(1, 65535),
  )
  .action(async (flags: UpFlags) => {
    const { up } = await import("./cluster/up.ts");
    const { only, ...options } = flags;
    await up(loadSettings(), { ...options, onlyCluster: only === "cluster" }, createSteps());
  });

command(
  "down",
  "Remove the local Kubernetes and all that is in it, volumes too; what is compiled or downloaded stays.",
).action(async () => {
  const { down } = await import("./cluster/up.ts");
  await down(loadSettings(), createSteps());
});

command("status", "Show how the local Kubernetes is; ends with 1 when not all of it is well.").action(async () => {
  const { status } = await import("./cluster/status.ts");
  const well = await status(loadSettings(), (line) => void process.stdout.write(`${line}\n`));
  if (!well) process.exitCode = 1;
});

command("token", "Print a token with which a user signs in to the sample ChatCluster for 12 hours.")
  .argument("<user>", "the user's id", userId)
  .action(async (user: string) => {
    const [{ sampleToken }, { clusterKubectl }, { tool }] = await Promise.all([
      import("./cluster/token.ts"),
      import("./cluster/local-cluster.ts"),
      import("./tools/index.ts"),
    ]);
    process.stdout.write(`${await sampleToken(clusterKubectl(loadSettings(), await tool("kubectl")), user)}\n`);
  });

// The state that an interrupted run leaves is recognised and cleaned by the next one.
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => {
    process.stderr.write("\ninterrupted; the next npm run up or npm run down cleans up\n");
    process.exit(status);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CodedError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

function command(name: string, description: string): Command {
  return program.command(name).description(description).usage("[-- options]").addHelpText("after", environment);
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

function userId(text: string): string {
  if (/^[A-Za-z0-9_.@-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be 1 to 64 letters, digits and _.@-.");
}
