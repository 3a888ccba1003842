/**
 * A whole operator in one process, for tests that kill and stop it: writes into each ConfigMap with the label `managed=yes` which
 * `value` it has seen, and by which instance. Arguments: its name, the kubeconfig's file. Prints a JSON line for what it does.
 */
import { CodedError, messageOf } from "@chatcluster/foundation/errors";
import { createLogger } from "@chatcluster/foundation/logger";
import { KubeConfig } from "@kubernetes/client-node";
import { ConfigMap, Controller, keyOf, Manager, Scheme } from "../index.ts";

const [instance = "", kubeconfigFile = ""] = process.argv.slice(2);
const kubeConfig = new KubeConfig();
kubeConfig.loadFromFile(kubeconfigFile);

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const manager = new Manager({
  kubeConfig,
  scheme: new Scheme(),
  logger: createLogger(instance, "silent"),
  instance,
  health: { host: "127.0.0.1", port: 0 },
  leaderElection: { lease: { namespace: "default", name: "manager-test" } },
});
const configMaps = manager.informer(ConfigMap, { labelSelector: "managed=yes" });

manager.add(
  new Controller({
    name: "test",
    primary: configMaps,
    async reconcile(request) {
      say({ reconciling: request.name });
      const object = configMaps.get(keyOf(request));
      const value = (object?.data as { value?: string } | undefined)?.value;
      if (!object || value === undefined || object.metadata.annotations?.seen === value) return undefined;
      configMaps.observe(await manager.client.patchMetadata(object, { annotations: { seen: value, by: instance } }));
      manager.events.record(object, { type: "Normal", reason: "Seen", action: "Look", note: `value ${value}` });
      return undefined;
    },
  }),
);

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
try {
  const running = manager.run(stop.signal);
  const listening = setInterval(() => {
    if (manager.healthPort === undefined) return;
    clearInterval(listening);
    say({ healthPort: manager.healthPort });
  }, 10);
  await running;
  say({ stopped: true });
} catch (error) {
  say({ failed: error instanceof CodedError ? error.code : messageOf(error) });
  process.exit(1);
}
