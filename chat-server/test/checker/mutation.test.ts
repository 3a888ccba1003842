import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Transport, WebSocketTransport } from "@chatcluster/client";
import { until } from "@chatcluster/foundation/until";
import type { ChatServer } from "../../src/server.ts";
import { startTestServer, tokenFor } from "../support/test-server.ts";
import { Application } from "./application.ts";
import { emptyHistory } from "./history.ts";
import { Random } from "./random.ts";
import { TAMPERINGS, type Tampering, TamperingTransport } from "./tampering-transport.ts";
import { verify } from "./verify.ts";

/** A real server, real clients, and between them what breaks one guarantee: the checker must see it, and see nothing without it. */
describe("the checker, when a guarantee is broken on purpose", () => {
  let server: ChatServer;
  let directory: string;
  let runs = 0;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "chat-checker-"));
    server = await startTestServer({ CHAT_DATA_DIR: directory });
  });
  after(async () => {
    await server?.stop(0);
    await rm(directory, { recursive: true, force: true });
  });

  /** Ada and Bob write by turns; Bob's transport, and Ada's, are as given. */
  async function converse(transport: Transport, messages = 16) {
    const history = emptyHistory();
    const run = ++runs;
    const application = async (name: string, over: Transport) => {
      const userId = `${name}-${run}`;
      return new Application({
        userId,
        deviceId: `${userId}-phone`,
        token: await tokenFor(userId),
        transports: [over],
        url: `ws://127.0.0.1:${server.port}/chat`,
        random: new Random(run),
        history,
      });
    };
    const ada = await application("ada", transport);
    const bob = await application("bob", new WebSocketTransport());
    await Promise.all([ada.connect(), bob.connect()]);
    const id = await ada.createDirect(bob.userId);
    history.conversations.push({ id, members: [ada.userId, bob.userId], stays: [] });
    await until(() => bob.conversations.has(id), "the conversation", 10_000);
    for (let turn = 0; turn < 8; turn++) {
      ada.send(id);
      await until(() => ada.unacknowledged === 0, "ada's acknowledgement", 10_000);
      bob.send(id);
      await until(() => bob.unacknowledged === 0, "bob's acknowledgement", 10_000);
      const receipts = () => history.applications[0]?.receipts.filter(({ kind }) => kind === "delivered").length ?? 0;
      await until(() => receipts() > turn - 2, "a receipt", 10_000);
    }
    await until(() => history.applications.every((one) => one.messages.length >= messages), "the messages", 10_000);
    ada.close();
    bob.close();
    return { history, errors: [...ada.errors, ...bob.errors] };
  }

  test("nothing is found where nothing is broken", async () => {
    const { history, errors } = await converse(new WebSocketTransport());
    assert.deepEqual(verify(history), []);
    assert.deepEqual(errors, []);
  });

  for (const tampering of Object.keys(TAMPERINGS) as Tampering[])
    test(`finds: ${tampering}`, async () => {
      const { history } = await converse(new TamperingTransport(tampering), tampering === "lost" ? 15 : 16);
      const found = verify(history).map(({ broken }) => broken);
      assert.ok(found.includes(tampering), `found ${JSON.stringify(found)}`);
    });
});
