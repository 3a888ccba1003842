import type { Clock, KubernetesObject } from "../runtime/index.ts";
import type { ServerStatus } from "./server-status-client.ts";

/** A reading younger than this is not asked for again: writing a changed status reconciles anew, which must not poll in a circle. */
const FRESH_MS = 1500;

/** The last status of each server, by the uid of its pod. */
export class ServerReadings<Status = ServerStatus> {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #byUid = new Map<string, { atMs: number; status: Status | undefined }>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /**
   * The status of every pod, read again where it has aged; undefined where it cannot be read now.
   *
   * @param read asks one pod, and may fail
   * @param failed is told about each failure
   */
  async all(
    pods: readonly KubernetesObject[],
    read: (pod: KubernetesObject) => Promise<Status>,
    failed: (pod: KubernetesObject, error: unknown) => void,
  ): Promise<Map<string, Status | undefined>> {
    const entries = pods.map(async (pod): Promise<[string, Status | undefined]> => {
      const uid = pod.metadata.uid ?? "";
      const known = this.#byUid.get(uid);
      if (known && this.#clock.monotonicMs() - known.atMs < FRESH_MS) return [pod.metadata.name, known.status];
      const status = await read(pod).catch((error: unknown) => {
        failed(pod, error);
        return undefined;
      });
      this.#byUid.set(uid, { atMs: this.#clock.monotonicMs(), status });
      return [pod.metadata.name, status];
    });
    return new Map(await Promise.all(entries));
  }

  /** Takes what a server said without being asked by `all`, such as its answer to a drain. */
  observe(pod: KubernetesObject, status: Status): void {
    this.#byUid.set(pod.metadata.uid ?? "", { atMs: this.#clock.monotonicMs(), status });
  }

  /** Forgets a pod that is gone. */
  forget(uid: string): void {
    this.#byUid.delete(uid);
  }
}
