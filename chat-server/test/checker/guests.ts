import type { Application } from "./application.ts";
import type { ConversationHistory, History } from "./history.ts";
import type { Random } from "./random.ts";

/** Whether a user is known to be a member now, and does not leave. */
export const isMember = ({ members, stays }: ConversationHistory, user: string): boolean =>
  members.includes(user) ||
  stays.some(
    ({ userId, invitedAt, leavingAt }) => userId === user && invitedAt !== undefined && leavingAt === undefined,
  );

/** People who come to a group by invitation and leave it again, under traffic. */
export class Guests {
  readonly #applications: readonly Application[];
  readonly #history: History;
  readonly #random: Random;
  #changing: Promise<void> | undefined;

  constructor(applications: readonly Application[], history: History, random: Random) {
    this.#applications = applications;
    this.#history = history;
    this.#random = random;
  }

  /** Has somebody come or go, one at a time: nothing happens while the last change is under way. */
  change(): void {
    if (this.#changing) return;
    const conversation = this.#history.conversations.at(-1);
    const guest = this.#random.pick(this.#applications);
    if (!conversation || conversation.members.includes(guest.userId)) return;
    const host = this.#applications.find(({ userId }) => userId === conversation.members[0]);
    const stay = conversation.stays.findLast(({ userId }) => userId === guest.userId);
    const change =
      stay && stay.leftAt === undefined ? guest.leave(conversation, stay) : host?.invite(conversation, guest.userId);
    this.#changing = change
      ?.catch((error: unknown) => void guest.errors.push(`membership not changed: ${String(error)}`))
      .finally(() => {
        this.#changing = undefined;
      });
  }

  async settled(): Promise<void> {
    await this.#changing;
  }
}
