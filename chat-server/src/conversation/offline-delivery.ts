import { offlineEntry, type UserDirectory } from "../directory/user-directory.ts";
import type { Members } from "./membership.ts";

/** Puts a committed message on the lists of those members who have no connection anywhere, and has a push sent to them. */
export class OfflineDelivery {
  readonly #directory: UserDirectory;
  readonly #isHere: (userId: string) => boolean;
  readonly #push: (userIds: readonly string[], body: string) => Promise<void>;

  /** `isHere`: the user has a connection to this very server, which gets the message by subscription; nobody needs to be asked. */
  constructor(
    directory: UserDirectory,
    isHere: (userId: string) => boolean,
    push: (userIds: readonly string[], body: string) => Promise<void>,
  ) {
    this.#directory = directory;
    this.#isHere = isHere;
    this.#push = push;
  }

  /** To be called after the commit (see {@link UserDirectory} for why), and before the message is acknowledged. Repeating it is harmless. */
  async deliver(senderId: string, members: Members, body: string): Promise<void> {
    const elsewhere = [...members.keys()].filter((userId) => userId !== senderId && !this.#isHere(userId));
    if (elsewhere.length === 0) return;
    const offline = await this.#directory.offlineAmong(elsewhere);
    const entry = offlineEntry(body);
    if (!entry || offline.length === 0) return;
    // The list first: both go the same way, and the push shows how long it is.
    await Promise.all([this.#directory.push(offline, [entry], true), this.#push(offline, body)]);
  }
}
