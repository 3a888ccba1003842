/** What is said of the document beside its title. */
export interface SaveState {
  kind: "loading" | "read_only" | "saved" | "saving" | "offline" | "unsaved";
  text: string;
}

export interface SaveFacts {
  online: boolean;
  caughtUp: boolean;
  mayPublish: boolean;
  /** Edits that the server has not acknowledged. */
  unsent: number;
}

export function saveState({ online, caughtUp, mayPublish, unsent }: SaveFacts): SaveState {
  const edits = `${unsent} unsent ${unsent === 1 ? "edit" : "edits"}`;
  if (!online && unsent > 0) return { kind: "offline", text: `Offline, ${edits} kept in this browser` };
  if (!online) return { kind: "offline", text: mayPublish ? "Offline, nothing unsent" : "Offline, read only" };
  if (!mayPublish && unsent > 0)
    return { kind: "unsaved", text: `You may not write here: ${edits} kept in this browser` };
  if (!caughtUp) return { kind: "loading", text: "Loading…" };
  if (!mayPublish) return { kind: "read_only", text: "Read only" };
  return unsent > 0 ? { kind: "saving", text: "Saving…" } : { kind: "saved", text: "Saved" };
}
