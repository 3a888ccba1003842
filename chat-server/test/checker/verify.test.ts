import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ApplicationHistory, emptyHistory, type History, type SeenMessage } from "./history.ts";
import { Broken, verify } from "./verify.ts";

const USERS = ["ada", "bob", "cleo"];
/** Of the ULID layout, ordered as the number. */
const idOf = (n: number) => String(n).padStart(26, "0");

/** A history as it should be: `count` messages by turns, everybody got each, and has read up to every second one. */
function sound(count: number): History {
  const history = emptyHistory();
  history.conversations.push({ id: "c", members: USERS, stays: [] });
  const messages = Array.from({ length: count }, (_, n): SeenMessage => {
    const senderId = USERS[n % USERS.length] ?? "";
    return { id: idOf(n), senderId, conversationId: "c", clientId: `m${n}`, text: `text ${n}` };
  });
  for (const { id, ...attempt } of messages) {
    const { senderId, clientId } = attempt;
    history.attempts.push({ ...attempt, at: history.clock++ });
    history.acknowledgements.push({ senderId, clientId, messageId: id, at: history.clock++ });
  }
  for (const userId of USERS) {
    const receipts = messages
      .filter((_, n) => n % 2 === 0)
      .map(({ id }) => ({ conversationId: "c", userId: "bob", kind: "read" as const, upTo: id }));
    history.applications.push({
      userId,
      deviceId: `${userId}-phone`,
      carried: new Map(),
      messages: [...messages],
      receipts,
    });
  }
  return history;
}

const brokenBy = (history: History) => [...new Set(verify(history).map(({ broken }) => broken))];
const at = <Value>(values: Value[], index: number): Value => {
  const value = values[index];
  assert.ok(value !== undefined);
  return value;
};

/** Each breaks a sound history of `count` messages at message `n` of application `who`, and says what of. */
const mutations: Record<string, (history: History, who: number, n: number) => Broken[]> = {
  "a message is lost": (history, who, n) => {
    const application = at(history.applications, who);
    application.messages.splice(n, 1);
    return [Broken.Lost];
  },
  "a message comes twice": (history, who, n) => {
    const { messages } = at(history.applications, who);
    messages.splice(n, 0, at(messages, n));
    return [Broken.Doubled];
  },
  "a retry is stored a second time": (history, who, n) => {
    const { messages } = at(history.applications, who);
    messages.push({ ...at(messages, n), id: idOf(1_000) });
    return [Broken.Doubled];
  },
  "two messages are swapped": (history, who, n) => {
    const { messages } = at(history.applications, who);
    messages.splice(n, 2, at(messages, n + 1), at(messages, n));
    return [Broken.Reordered];
  },
  "a receipt goes back": (history, who, n) => {
    const { receipts } = at(history.applications, who);
    receipts.push(at(receipts, n));
    return [Broken.ReceiptWentBack];
  },
  "a receipt is for no message": (history, who) => {
    const { receipts } = at(history.applications, who);
    receipts.push({ ...at(receipts, 0), upTo: idOf(999) });
    return [Broken.ForgedReceipt];
  },
  "a text is changed": (history, who, n) => {
    const { messages } = at(history.applications, who);
    messages[n] = { ...at(messages, n), text: "other" };
    return [Broken.Phantom];
  },
  "a message comes that nobody sent": (history, who, n) => {
    const { messages } = at(history.applications, who);
    messages.push({ ...at(messages, n), id: idOf(1_000), clientId: "nobody's" });
    return [Broken.Phantom];
  },
  "a message reaches one who is no member": (history, _who, n) => {
    const [first] = history.applications;
    assert.ok(first);
    history.applications.push({
      userId: "eve",
      deviceId: "d",
      carried: new Map(),
      messages: [at(first.messages, n)],
      receipts: [],
    });
    return [Broken.Phantom];
  },
  "an acknowledgement names another message": (history, _who, n) => {
    history.acknowledgements[n] = { ...at(history.acknowledgements, n), messageId: idOf(1_000) };
    return [Broken.WrongAcknowledgement];
  },
  "what was acknowledged came to nobody": (history, _who, n) => {
    for (const { messages } of history.applications) messages.splice(n, 1);
    return [Broken.Lost];
  },
};

describe("a history", () => {
  test("that is sound has no violation, whatever was not acknowledged", () => {
    assert.deepEqual(verify(emptyHistory()), []);
    assert.deepEqual(verify(sound(12)), []);
    const history = sound(12);
    history.acknowledgements.splice(3, 1);
    assert.deepEqual(verify(history), [], "stored, but the acknowledgement was lost");
    for (const { messages } of history.applications) messages.splice(3, 1);
    assert.deepEqual(brokenBy(history), [], "neither stored nor acknowledged");
  });

  for (const [name, mutate] of Object.entries(mutations))
    test(`in which ${name} is found out, wherever that is`, () => {
      fc.assert(
        fc.property(fc.nat({ max: USERS.length - 1 }), fc.integer({ min: 2, max: 9 }), (who, n) => {
          const history = sound(24);
          const expected = mutate(history, who, n);
          for (const broken of expected) assert.ok(brokenBy(history).includes(broken), broken);
        }),
        { numRuns: 50 },
      );
    });

  /** Dan is invited after the eighth message and leaves before the seventeenth; he has those of the time between. */
  function withGuest(): { history: History; guest: ApplicationHistory } {
    const history = sound(24);
    const after = (n: number) => 2 * n + 1.5;
    at(history.conversations, 0).stays.push({
      userId: "dan",
      invitingAt: after(6),
      invitedAt: after(7),
      leavingAt: after(15),
      leftAt: after(16),
    });
    const messages = at(history.applications, 0).messages.slice(8, 16);
    const guest = { userId: "dan", deviceId: "dan-phone", carried: new Map(), messages, receipts: [] };
    history.applications.push(guest);
    return { history, guest };
  }

  test("with a guest is sound if the guest has what was sent meanwhile, whatever came while he came and went", () => {
    const { history, guest } = withGuest();
    assert.deepEqual(verify(history), []);
    guest.messages.unshift(...at(history.applications, 0).messages.slice(5, 8));
    guest.messages.push(...at(history.applications, 0).messages.slice(16, 17));
    assert.deepEqual(verify(history), []);
  });

  test("with a guest is sound if he was away at the end of the stay, and has no hole before that", () => {
    const { history, guest } = withGuest();
    guest.messages.splice(5);
    assert.deepEqual(verify(history), []);
    guest.messages.splice(0);
    assert.deepEqual(verify(history), []);
  });

  test("with a guest who stays is broken if he misses the last message", () => {
    const { history, guest } = withGuest();
    const { stays } = at(history.conversations, 0);
    const { userId, invitingAt, invitedAt = 0 } = at(stays, 0);
    stays[0] = { userId, invitingAt, invitedAt };
    guest.messages.push(...at(history.applications, 0).messages.slice(16, 23));
    assert.deepEqual(brokenBy(history), [Broken.Lost]);
    guest.messages.push(...at(history.applications, 0).messages.slice(23));
    assert.deepEqual(verify(history), []);
  });

  test("with a guest is broken if he misses one of those, or gets a later one", () => {
    for (const n of [0, 4, 6]) {
      const { history, guest } = withGuest();
      guest.messages.splice(n, 1);
      assert.deepEqual(brokenBy(history), [Broken.Lost]);
    }
    const { history, guest } = withGuest();
    guest.messages.push(at(at(history.applications, 0).messages, 20));
    assert.deepEqual(brokenBy(history), [Broken.Phantom]);
  });
});
