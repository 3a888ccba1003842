import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@chatcluster/foundation/until";
import { tool } from "@chatcluster/local/tools";
import { parse } from "yaml";
import { type Client, CustomResourceDefinition, type KubernetesObject, type ResourceKind } from "../runtime/index.ts";

/** For integration tests: CustomResourceDefinitions that others publish. */

/** Installs the published definition of a kind and waits until it is served. */
export async function installForeignCrd(
  client: Client,
  kind: ResourceKind,
  from: "gateway-api-crds" | "prometheus-operator-crds",
): Promise<KubernetesObject> {
  const [group = ""] = kind.apiVersion.split("/");
  const file = join(await tool(from), `${group}_${kind.resource}.yaml`);
  const crd = await client.apply(parse(await readFile(file, "utf8")) as KubernetesObject);
  await until(
    () =>
      client.list(kind).then(
        () => true,
        () => false,
      ),
    `${kind.kind} to be served`,
  );
  return crd;
}

/** Removes the definition and with it every object of the kind. */
export async function removeForeignCrd(client: Client, crd: KubernetesObject): Promise<void> {
  await client.delete(CustomResourceDefinition, { namespace: "", name: crd.metadata.name });
}
