import type { Member, Role } from "@chatcluster/protocol";

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
    ...(conversation.kind === "group" ? { role: role as Role } : {}),
    ...marksOf(row),
  };
}
