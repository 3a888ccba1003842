import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tool } from "@chatcluster/local/tools";

/**
 * The two controllers without which nothing is ever fully deleted: the one that empties a namespace, and the garbage collector, which
 * ends a deletion in the foreground. They die with this process.
 */
export class ControllerManager {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(kubeconfigFile: string): Promise<ControllerManager> {
    const program = await tool("kube-controller-manager");
    const flags = [
      `--kubeconfig=${kubeconfigFile}`,
      "--controllers=namespace-controller,garbage-collector-controller",
      "--leader-elect=false",
      // No port: nobody asks it for its health here.
      "--secure-port=0",
    ];
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...flags], { stdio: "ignore" });
    await once(child, "spawn");
    child.unref();
    return new ControllerManager(child);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.ref();
    this.#child.kill("SIGKILL");
    await ended;
  }
}
