/** A small typed event emitter. `Events` maps an event's name to what its listeners get. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  /** Adds a listener and returns the function that removes it. `signal` removes it too. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (payload: Events[Name]) => void,
    { signal }: { signal?: AbortSignal } = {},
  ): () => void {
    if (signal?.aborted) return () => undefined;
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // Wrapped, so that the same function added twice is called twice and removed once each.
    const own = (payload: Events[Name]) => listener(payload);
    listeners.add(own);
    const remove = () => void listeners.delete(own);
    signal?.addEventListener("abort", remove, { once: true });
    return remove;
  }

  /** Resolves with the next event of that name. @throws the signal's reason as soon as it aborts. */
  once<Name extends keyof Events>(name: Name, { signal }: { signal?: AbortSignal } = {}): Promise<Events[Name]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = () => {
        remove();
        reject(signal?.reason);
      };
      const remove = this.on(name, (payload) => {
        remove();
        signal?.removeEventListener("abort", abort);
        resolve(payload);
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  protected emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (payload: Events[Name]) => void)(payload);
      } catch (error) {
        // A listener's fault must not stop the client, nor the other listeners, nor be hidden: it is thrown where nothing waits for it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
