import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { OfflineEntry, UserDirectory } from "./user-directory.ts";

let counter = 0;

/** What every directory promises; `start` gives two servers' that stand on the same, or one twice, with room for five entries a list. */
export function directoryContract(
  name: string,
  start: () => Promise<{ directories: [UserDirectory, UserDirectory]; stop: () => Promise<void> }>,
): void {
  describe(name, () => {
    let one: UserDirectory;
    let two: UserDirectory;
    let stop: () => Promise<void>;
    before(async () => {
      const started = await start();
      [one, two] = started.directories;
      stop = started.stop;
    });
    after(() => stop?.());

    const user = () => `u-${counter++}-${Date.now().toString(36)}`;
    const entry = (index: number, conversationId = "c"): OfflineEntry => {
      const messageId = String(index).padStart(26, "0");
      const body = JSON.stringify({ id: messageId, conversationId, text: `text ${index}` });
      return { conversationId, messageId, body };
    };

    test("knows who is connected, and when somebody last was", async () => {
      const [a, b] = [user(), user()];
      assert.deepEqual(await one.offlineAmong([a, b]), [a, b]);
      assert.deepEqual(await one.presenceOf([a]), [{ userId: a, online: false }]);
      const started = Date.now();
      assert.deepEqual(await one.register(a), { unclean: false });
      assert.deepEqual(await two.offlineAmong([a, b]), [b]);
      assert.deepEqual(await two.presenceOf([b, a]), [
        { userId: b, online: false },
        { userId: a, online: true },
      ]);
      await one.renew([a]);
      assert.equal(await one.unregister(a), 0);
      const [presence] = await two.presenceOf([a]);
      assert.equal(presence?.online, false);
      assert.ok((presence.lastSeenAt ?? 0) >= started);
    });

    test("keeps a list in order until it is acknowledged, conversation by conversation", async () => {
      const a = user();
      await one.push([a], [entry(1), entry(2)], false);
      await two.push([a], [entry(3, "other"), entry(4)], true);
      const listed = await two.list(a);
      assert.deepEqual(listed, { entries: [entry(1), entry(2), entry(3, "other"), entry(4)], overflow: false });
      assert.equal(await one.waiting(a), 4);
      await one.acknowledge(a, "c", entry(2).messageId);
      assert.equal(await two.waiting(a), 2);
      assert.deepEqual((await one.list(a)).entries, [entry(3, "other"), entry(4)]);
    });

    test("a list that is full loses the oldest and says so, until that is cleared", async () => {
      const a = user();
      await one.push(
        [a],
        [1, 2, 3, 4, 5, 6, 7].map((index) => entry(index)),
        false,
      );
      const { entries, overflow } = await two.list(a);
      assert.deepEqual(
        entries,
        [3, 4, 5, 6, 7].map((index) => entry(index)),
      );
      assert.equal(overflow, true);
      await two.clearOverflow(a);
      assert.equal((await one.list(a)).overflow, false);
      await one.markOverflow(a);
      assert.equal((await two.list(a)).overflow, true);
    });
  });
}
