import type { Conversation, ConversationKind, Member, Rights, Role } from "@chatcluster/protocol";

/** A row as either driver gives it: values by column name, null where there is none. */
type Row = Readonly<Record<string, unknown>>;

/** How far a member has come. */
export function marksOf(row: Row): Pick<Member, "deliveredUpTo" | "readUpTo"> {
  return {
    ...(row.delivered_up_to === null ? {} : { deliveredUpTo: String(row.delivered_up_to) }),
    ...(row.read_up_to === null ? {} : { readUpTo: String(row.read_up_to) }),
  };
}

/** Members without a stored role are of a group's first hour, or of one that is older than roles: the one who made it owns it. */
export function memberOf(conversation: Row, row: Row): Member {
  const role = row.role ?? (row.user_id === conversation.created_by ? "owner" : "member");
  return {
    userId: String(row.user_id),
    ...(conversation.kind === "direct" ? {} : { role: role as Role }),
    ...joinedOf(conversation, row),
    ...marksOf(row),
  };
}

function joinedOf(conversation: Row, { joined_at }: Row): Pick<Member, "joinedAt"> {
  const at = timeOf(joined_at);
  return at === undefined || at === timeOf(conversation.created_at) ? {} : { joinedAt: at };
}

/** Milliseconds since 1970. */
const timeOf = (value: unknown) =>
  value instanceof Date ? value.getTime() : typeof value === "number" ? value : undefined;

/** What the stores' rows of a conversation have in common. */
export function conversationOf(row: Row, createdAt: number, members: Member[]): Conversation {
  const { subscribe_right: subscribe, publish_right: publish } = row;
  return {
    id: String(row.id),
    kind: row.kind as ConversationKind,
    ...(row.title === null ? {} : { title: String(row.title) }),
    createdBy: String(row.created_by),
    createdAt,
    ...(row.kind === "live" ? { rights: { subscribe, publish } as Rights } : {}),
    members,
  };
}
