import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FileOutboxStore } from "./file-outbox.ts";
import { MemoryOutboxStore, type OutboxEntry } from "./store.ts";

const entry = (clientId: string): OutboxEntry => ({ clientId, conversationId: "c1", text: clientId, createdAt: 1 });

async function folder(t: { after: (work: () => Promise<void>) => void }): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "outbox-"));
  t.after(() => rm(made, { recursive: true }));
  return made;
}

for (const [name, make] of [
  ["memory", async () => new MemoryOutboxStore()],
  ["a file", async (t) => new FileOutboxStore(join(await folder(t), "outbox.json"))],
] satisfies [string, (t: Parameters<typeof folder>[0]) => Promise<MemoryOutboxStore | FileOutboxStore>][])
  test(`the outbox in ${name}: in the order in which they were put, replaced in place, removed once`, async (t) => {
    const store = await make(t);
    assert.deepEqual(await store.load(), []);
    await Promise.all(["b", "a", "c"].map((clientId) => store.put(entry(clientId))));
    await store.put({ ...entry("a"), firstSentAt: 2 });
    await store.remove("b");
    await store.remove("b");
    await store.put({ ...entry("d"), data: new Uint8Array([0, 255]) });
    const loaded = await store.load();
    assert.deepEqual(loaded, [{ ...entry("a"), firstSentAt: 2 }, entry("c"), { ...entry("d"), data: loaded[2]?.data }]);
    assert.deepEqual([...(loaded[2]?.data ?? [])], [0, 255]);
  });

test("the outbox in a file is there for the next process, and leaves no other file behind", async (t) => {
  const made = await folder(t);
  const path = join(made, "outbox.json");
  const first = new FileOutboxStore(path);
  for (const clientId of ["a", "b", "c"]) await first.put(entry(clientId));
  await first.put({ ...entry("d"), data: new Uint8Array([0, 255]) });
  await first.remove("b");
  const data = new Uint8Array([0, 255]);
  assert.deepEqual(await new FileOutboxStore(path).load(), [entry("a"), entry("c"), { ...entry("d"), data }]);
  assert.deepEqual(await readdir(made), ["outbox.json"]);
});

test("a file that is no outbox is refused, not overwritten", async (t) => {
  const path = join(await folder(t), "outbox.json");
  await writeFile(path, `[{"clientId":"a"}]`);
  await assert.rejects(new FileOutboxStore(path).load(), /is no outbox/);
});
