import assert from "node:assert/strict";
import { test } from "node:test";
import { type SaveFacts, saveState } from "./save-state.ts";

const SAVED: SaveFacts = { online: true, caughtUp: true, mayPublish: true, unsent: 0 };

test("a document says whether it is saved, and how much is not", () => {
  const of = (facts: Partial<SaveFacts>) => saveState({ ...SAVED, ...facts }).text;
  assert.equal(of({}), "Saved");
  assert.equal(of({ unsent: 3 }), "Saving…");
  assert.equal(of({ caughtUp: false, unsent: 3 }), "Loading…");
  assert.equal(of({ online: false, unsent: 1 }), "Offline, 1 unsent edit kept in this browser");
  assert.equal(of({ online: false, unsent: 12 }), "Offline, 12 unsent edits kept in this browser");
  assert.equal(of({ online: false }), "Offline, nothing unsent");
  assert.equal(of({ mayPublish: false }), "Read only");
  assert.equal(of({ online: false, mayPublish: false }), "Offline, read only");
  assert.equal(of({ mayPublish: false, unsent: 2 }), "You may not write here: 2 unsent edits kept in this browser");
});
