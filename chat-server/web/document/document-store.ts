/** What a browser keeps of one document, for one user. */
export interface StoredDocument {
  /** Yjs updates that the server has. */
  saved: StoredUpdate[];
  /** Edits that the server has not acknowledged, in their order. */
  unsent: StoredUpdate[];
  /** All messages up to this one are in the updates; empty if none is. */
  seenUpTo: string;
  /** Messages of edits up to there that are in no snapshot. */
  sinceSnapshot: number;
}

export interface StoredUpdate {
  key: number;
  update: Uint8Array;
}

/** Keeps a document where it outlives the page. Any method may reject. */
export interface DocumentStore {
  load(): Promise<StoredDocument>;
  /** Adds an edit of the user's. @returns the key by which it is replaced later. */
  addEdit(update: Uint8Array): Promise<number>;
  /** Adds updates that came from the server, and says that all messages up to one are there now: both or neither. An earlier one changes nothing. */
  addReceived(updates: readonly Uint8Array[], seenUpTo: string, sinceSnapshot: number): Promise<void>;
  /** Puts one update, which the server has, in the place of several. */
  replace(keys: readonly number[], update: Uint8Array): Promise<void>;
}
