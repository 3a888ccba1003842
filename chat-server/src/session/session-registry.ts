import type { Session } from "./session.ts";

/** The sessions of this server, by user. */
export class SessionRegistry {
  readonly #byUser = new Map<string, Set<Session>>();
  readonly #all = new Set<Session>();

  get size(): number {
    return this.#all.size;
  }

  add(session: Session): void {
    this.#all.add(session);
    const sessions = this.#byUser.get(session.userId);
    if (sessions) sessions.add(session);
    else this.#byUser.set(session.userId, new Set([session]));
  }

  remove(session: Session): void {
    this.#all.delete(session);
    const sessions = this.#byUser.get(session.userId);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#byUser.delete(session.userId);
  }

  ofUser(userId: string): ReadonlySet<Session> {
    return this.#byUser.get(userId) ?? NONE;
  }

  all(): ReadonlySet<Session> {
    return this.#all;
  }

  /** Users with a session that has registered: what is published reaches them here. */
  registeredUsers(): string[] {
    return [...this.#byUser].filter(([, sessions]) => some(sessions)).map(([userId]) => userId);
  }

  isRegistered(userId: string): boolean {
    return some(this.ofUser(userId));
  }
}

const NONE: ReadonlySet<Session> = new Set();
const some = (sessions: ReadonlySet<Session>) => {
  for (const session of sessions) if (session.registered) return true;
  return false;
};
