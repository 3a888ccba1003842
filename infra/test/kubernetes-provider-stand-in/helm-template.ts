import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";

const run = promisify(execFile);

interface TemplateOptions {
  readonly release_name: string;
  readonly path: string;
  readonly namespace?: string;
  readonly values?: Readonly<Record<string, unknown>>;
}

const UNDERSTOOD = new Set(["release_name", "path", "namespace", "values", "transformations"]);

/**
 * The function `kubernetes:helm:template`, which the official provider answers with the Helm library inside it; here the Helm program on
 * the PATH does.
 *
 * @throws Error with Helm's message, or naming an option that only the official provider knows
 */
export async function helmTemplate(jsonOptions: string, kubeVersion: string): Promise<unknown[]> {
  const options = JSON.parse(jsonOptions) as TemplateOptions;
  const strange = Object.keys(options).filter((key) => !UNDERSTOOD.has(key));
  if (strange.length > 0) throw new Error(`the stand-in renders no chart with the option ${strange.join(", ")}`);
  const rendering = run(
    "helm",
    [
      ...["template", options.release_name, options.path, "--include-crds", `--kube-version=${kubeVersion}`],
      ...["--namespace", options.namespace ?? "default", "--values", "-"],
    ],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  rendering.child.stdin?.end(JSON.stringify(options.values ?? {}));
  const { stdout } = await rendering;
  return parseAllDocuments(stdout)
    .map((document): unknown => document.toJS())
    .filter((object) => object !== null);
}
