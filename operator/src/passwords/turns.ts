/** Roles of Cassandra have one password each, so two take turns: `chat` and `chat_2`. */
const SECOND = "_2";

/** The role whose turn comes after this one's. */
export function otherTurn(role: string): string {
  return role.endsWith(SECOND) ? role.slice(0, -SECOND.length) : role + SECOND;
}
