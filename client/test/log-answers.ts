import type { ClientFrame, ServerFrame } from "@chatcluster/protocol";
import { message, position } from "./fake-server.ts";

/** What the log answers to a position. */
export const resumed = (recovered: boolean, offset: number, epoch = "e1", re?: number): ServerFrame => ({
  type: "resumed",
  conversationId: "c1",
  recovered,
  position: position(offset, epoch),
  ...(re !== undefined && { re }),
});

/** Answers `fetch_history` from all messages up to `last`, in pages of two. */
export function history(last: number) {
  return (frame: ClientFrame): ServerFrame | undefined => {
    if (frame.type !== "fetch_history") return undefined;
    const all = Array.from({ length: last }, (_, i) => message(i + 1)).filter(({ id }) => id > (frame.after ?? ""));
    return {
      type: "history",
      re: frame.id,
      conversationId: "c1",
      messages: all.slice(0, 2),
      more: all.length > 2,
    };
  };
}
