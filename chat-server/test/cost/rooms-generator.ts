/** Rooms (groups) whose members are spread over the servers, in which members write in turn. Run by bench-rooms.ts through {@link Generator}. */
import { until } from "@chatcluster/foundation/until";
import { generate } from "./generator.ts";
import { Latencies, type Latency } from "./latencies.ts";
import { paced } from "./paced.ts";
import { signInAll, WireClient } from "./wire-client.ts";

export interface RoomsOptions {
  ports: number[];
  rooms: number;
  members: number;
  /** Deliveries a second, of all together. */
  deliveries: number;
  warmUpSeconds: number;
  seconds: number;
}

export interface RoomsResult {
  delivered: Latency;
  /** Messages that came to their sender only, or not at all. */
  missing: number;
  errors: number;
}

/** Before the time in a message's text. */
const MARK = '"text":"@';
const TIME_DIGITS = 12;
const TEXT_LENGTH = 60;

await generate<RoomsOptions, RoomsResult>(async ({ ports, rooms, members, deliveries, warmUpSeconds, seconds }) => {
  const users = Array.from({ length: rooms * members }, (_, index) => `room-${index}`);
  const clients = await signInAll(users, (user, index) => WireClient.signIn(ports[index % ports.length] ?? 0, user));
  const ids = new Array<string | undefined>(rooms);
  let added = 0;
  let delivered = new Latencies();
  let errors = 0;
  clients.forEach((client, index) => {
    client.onText = (text) => {
      if (text.startsWith('{"type":"message"')) {
        const mark = text.indexOf(MARK) + MARK.length;
        delivered.add(performance.now() - Number(text.slice(mark, mark + TIME_DIGITS)));
      } else if (text.startsWith('{"type":"conversation_added"')) added++;
      else if (text.startsWith('{"type":"conversation"')) {
        const { conversation } = JSON.parse(text) as { conversation: { id: string } };
        ids[Math.floor(index / members)] = conversation.id;
      } else if (text.startsWith('{"type":"error"')) errors++;
    };
  });
  for (let room = 0; room < rooms; room++) {
    const memberIds = users.slice(room * members + 1, (room + 1) * members);
    clients[room * members]?.send({ type: "create_conversation", id: 1, clientId: "room", kind: "group", memberIds });
    await until(() => ids[room] !== undefined, `room ${room}`);
  }
  await until(() => added >= rooms * (members - 1), "all members");

  let messages = 0;
  const traffic = async (phase: string, duration: number) => {
    messages = 0;
    await paced(deliveries / members, duration, (index, dueAt) => {
      const room = index % rooms;
      const sender = clients[room * members + (Math.floor(index / rooms) % members)];
      const text = `@${dueAt.toFixed(3).padStart(TIME_DIGITS, "0")} `.padEnd(TEXT_LENGTH, ".");
      const conversationId = ids[room] ?? "";
      sender?.send({ type: "send", id: index, conversationId, clientId: `${phase}-${index}`, text });
      messages++;
    });
  };
  const all = () => delivered.count >= messages * members;
  await traffic("warm", warmUpSeconds);
  await until(all, "the warm-up", 60_000, { every: 250 });
  return async () => {
    delivered = new Latencies();
    await traffic("measured", seconds);
    await until(all, "the last messages", 60_000, { every: 250 });
    const summary = delivered.summary();
    return { delivered: summary, missing: messages * members - summary.count, errors };
  };
});
