import { messageOf } from "@chatcluster/foundation/errors";
import { type Static, Type } from "typebox";

/** How long work of a node is getting on. `unknown`: whoever did it was restarted since and has forgotten it. */
export const TaskState = Type.Object({
  state: Type.Union([
    Type.Literal("running"),
    Type.Literal("completed"),
    Type.Literal("failed"),
    Type.Literal("unknown"),
  ]),
  message: Type.Optional(Type.String()),
});
export type TaskState = Static<typeof TaskState>;

/** So many are remembered: whoever began one asks for it long before as many others have come. */
const REMEMBERED = 100;

/** Work that takes longer than a request may: it is begun by one, and asked for by others. Nothing outlives this process. */
export class Tasks {
  readonly #states = new Map<string, TaskState>();

  /**
   * Begins a task, unless the one of that name runs or is completed; one that failed is begun anew.
   * @param done is called at its end, with the error that it failed with
   */
  start(name: string, work: () => Promise<void>, done: (error: unknown) => void): TaskState {
    const before = this.state(name);
    if (before.state === "running" || before.state === "completed") return before;
    this.#set(name, { state: "running" });
    work().then(
      () => {
        this.#set(name, { state: "completed" });
        done(undefined);
      },
      (error: unknown) => {
        this.#set(name, { state: "failed", message: messageOf(error).slice(0, 1000) });
        done(error);
      },
    );
    return { state: "running" };
  }

  state(name: string): TaskState {
    return this.#states.get(name) ?? { state: "unknown" };
  }

  /** The name of a task that runs, of those whose names begin so. */
  running(prefix: string): string | undefined {
    return [...this.#states].find(([name, { state }]) => state === "running" && name.startsWith(prefix))?.[0];
  }

  #set(name: string, state: TaskState): void {
    this.#states.delete(name);
    this.#states.set(name, state);
    for (const [oldest, { state: its }] of this.#states) {
      if (this.#states.size <= REMEMBERED) break;
      if (its !== "running") this.#states.delete(oldest);
    }
  }
}
