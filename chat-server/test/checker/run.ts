import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "@chatcluster/foundation/errors";
import { until } from "@chatcluster/foundation/until";
import type { Redis } from "@chatcluster/local/services";
import { clusterBackend } from "../support/cluster.ts";
import { tokenFor, type Variables } from "../support/test-server.ts";
import { Application } from "./application.ts";
import { CARRIERS, type Carrier, DeviceNetwork, KINDS, type Kind } from "./device-network.ts";
import { Guests, isMember } from "./guests.ts";
import { type Carried, carriedBy, emptyHistory, type History } from "./history.ts";
import { Nemesis } from "./nemesis.ts";
import { Random } from "./random.ts";
import { ServerFleet } from "./server-fleet.ts";
import type { Trace } from "./traced.ts";
import { Broken, type Violation, verify } from "./verify.ts";

export interface CheckerOptions {
  readonly seed: number;
  /** Seconds of traffic and faults; starting and coming to rest take longer. */
  readonly seconds: number;
  readonly servers: number;
  readonly users: number;
  /** Messages a second, of all users together. */
  readonly rate: number;
  /** How often somebody comes to a group or leaves it, in relation to messages. */
  readonly guests?: number;
  readonly log: (text: string) => void;
  /** Takes note of all that goes to and from the devices. */
  readonly trace?: Trace;
  /** Instead of one Redis and one Cassandra, and the nemesis. */
  readonly backend?: (count: number, more: Variables) => Promise<CheckerBackend>;
}

/** What the servers stand on, and what may be done to it. */
export interface CheckerBackend {
  /** Variables of each server. */
  readonly servers: Variables[];
  /** Breaks things while there is traffic, heals them, and tells how often it did what. */
  disturb(scene: Scene): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

export interface Scene {
  readonly fleet: ServerFleet;
  readonly applications: readonly Application[];
  readonly conversationIds: readonly string[];
  readonly random: Random;
  readonly seconds: number;
  readonly log: (text: string) => void;
}

export interface CheckerResult {
  readonly history: History;
  readonly violations: Violation[];
  /** What applications were told that should not have been, such as a refusal for good. */
  readonly errors: string[];
  /** How often each fault was done. */
  readonly faults: Readonly<Record<string, number>>;
  readonly carried: Readonly<Record<Carrier, Carried>>;
}

/** Time in which everything must have come once nothing is broken any more: a dead connection is noticed, a user registered anew. */
const REST_MS = 60_000;

/** Fast enough that a run sees many of what takes half a minute by default. */
const VARIABLES = {
  CHAT_PING_INTERVAL_MS: "1500",
  CHAT_PONG_TIMEOUT_MS: "1000",
  CHAT_POLL_GRACE_MS: "3000",
  CHAT_REGISTRY_TTL_MS: "3000",
  CHAT_DRAIN_SECONDS: "2",
  CHAT_MESSAGES_PER_SECOND: "200",
  // Small, so that positions beyond the log and full offline lists are part of the run.
  CHAT_LOG_LENGTH: "60",
  CHAT_OFFLINE_LIMIT: "40",
};

/** Random users against real servers, under faults; resolves with what the recorded history proves. */
export async function runChecker(options: CheckerOptions): Promise<CheckerResult> {
  const { seed, seconds, log } = options;
  const random = new Random(seed);
  const backend = await (options.backend ?? redisAndCassandra)(options.servers, VARIABLES);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => backend.stop());
  const fleet = await ServerFleet.start(backend.servers);
  cleanup.defer(() => fleet.close());
  await until(() => fleet.areReady(), "the servers' readiness");

  const history = emptyHistory();
  const applications = await startApplications(options, random, fleet, history);
  cleanup.defer(() => {
    for (const application of applications) application.close();
  });
  await createConversations(applications, random, history);
  log(`${applications.length} applications, ${history.conversations.length} conversations`);

  const ending = new AbortController();
  const scene: Scene = {
    fleet,
    applications,
    conversationIds: history.conversations.map(({ id }) => id),
    random: random.fork(),
    seconds,
    log,
  };
  const [faults] = await Promise.all([
    backend.disturb(scene).finally(() => ending.abort()),
    makeTraffic(options, applications, random.fork(), history, ending.signal),
  ]);

  log(`coming to rest after ${history.attempts.length} messages`);
  const atRest = async () => {
    const waiting = applications.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0);
    return waiting === 0 && !verify(history).some(({ broken }) => broken === Broken.Lost);
  };
  // What is still missing at the end is told as what it is, not as a wait that was too short.
  await until(atRest, "rest", REST_MS, { every: 250 }).catch((error: unknown) => log(messageOf(error)));
  const errors = applications.flatMap((one) => one.errors);
  for (const { userId, deviceId, unacknowledged } of applications)
    if (unacknowledged > 0) errors.push(`${userId} on ${deviceId} still waits for ${unacknowledged} acknowledgements`);
  const carried = Object.fromEntries(CARRIERS.map((carrier) => [carrier, carriedBy(history, carrier)]));
  return { history, violations: verify(history), errors, faults, carried: carried as Record<Carrier, Carried> };
}

/** One Redis and one Cassandra, and a nemesis that does anything at any time. */
async function redisAndCassandra(count: number, more: Variables): Promise<CheckerBackend> {
  const { servers, redis } = await clusterBackend(count, more);
  return { servers, disturb: (scene) => disturb(scene, redis), stop: () => redis.stop() };
}

/** One server with the embedded backend, and the same nemesis. */
export async function embedded(_count: number, more: Variables): Promise<CheckerBackend> {
  const directory = await mkdtemp(join(tmpdir(), "chat-checker-"));
  return {
    servers: [{ ...more, CHAT_DATA_DIR: directory }],
    disturb: (scene) => disturb(scene, undefined),
    stop: () => rm(directory, { recursive: true, force: true }),
  };
}

async function disturb({ seconds, ...scene }: Scene, redis: Redis | undefined): Promise<Record<string, number>> {
  const signal = AbortSignal.timeout(seconds * 1_000);
  const nemesis = new Nemesis({ ...scene, ...(redis && { redis }), signal, pauseMs: 1_500 });
  await nemesis.run();
  return { ...nemesis.done };
}

/** Every second user has two devices. */
async function startApplications(
  { users, log, trace }: CheckerOptions,
  random: Random,
  fleet: ServerFleet,
  history: History,
): Promise<Application[]> {
  const applications: Application[] = [];
  const kinds = dealt(users + Math.floor(users / 2), random);
  for (let user = 0; user < users; user++) {
    const userId = `user-${user}`;
    for (let device = 0; device <= user % 2; device++) {
      const deviceId = `device-${user}-${device}`;
      const kind = kinds[applications.length] ?? "automatic";
      const roaming = random.chance(0.4);
      const network = new DeviceNetwork({
        addresses: () => fleet.addresses(),
        random: random.fork(),
        roaming,
        ...(trace && { note: (event) => trace(deviceId, event) }),
      });
      applications.push(
        new Application({
          userId,
          deviceId,
          token: await tokenFor(userId),
          // Which server it is, the device's network decides for each connection or request.
          url: "ws://127.0.0.1/chat",
          transports: network.transports(kind),
          network,
          random: random.fork(),
          history,
        }),
      );
      log(`${deviceId}: ${kind}${roaming && kind !== "websocket" ? ", each request to any server" : ""}`);
    }
  }
  await Promise.all(applications.map((application) => application.connect()));
  return applications;
}

/** A transport for each device, at random, but each before any comes again. */
function dealt(count: number, random: Random): Kind[] {
  const hand: Kind[] = [];
  while (hand.length < count) {
    const deck = [...KINDS];
    while (deck.length > 0) hand.push(...deck.splice(random.between(0, deck.length - 1), 1));
  }
  return hand;
}

/** One group of all, some of a few, some pairs; resolves when every application knows its own. */
async function createConversations(
  applications: readonly Application[],
  random: Random,
  history: History,
): Promise<void> {
  const users = [...new Set(applications.map(({ userId }) => userId))];
  const memberships = [users, ...[0, 1].map(() => users.filter(() => random.chance(0.6)))].filter(
    ({ length }) => length > 1,
  );
  for (const members of memberships) {
    const creator = applications.find(({ userId }) => userId === members[0]);
    if (!creator) continue;
    history.conversations.push({ id: await creator.createGroup(members.slice(1)), members, stays: [] });
  }
  for (let index = 0; index + 1 < users.length; index += 2) {
    const creator = applications.find(({ userId }) => userId === users[index]);
    const other = users[index + 1];
    if (!creator || other === undefined) continue;
    const id = await creator.createDirect(other);
    history.conversations.push({ id, members: [creator.userId, other], stays: [] });
  }
  // One to which others come and from which they go; two stay.
  const [host, resident] = users;
  const creator = applications.find(({ userId }) => userId === host);
  if (creator && resident !== undefined) {
    const id = await creator.createGroup([resident]);
    history.conversations.push({ id, members: [creator.userId, resident], stays: [] });
  }
  for (const application of applications)
    for (const { id, members } of history.conversations)
      if (members.includes(application.userId))
        await until(() => application.conversations.has(id), `${application.deviceId} to know ${id}`, 15_000);
}

async function makeTraffic(
  { rate, guests: guestChance = 0 }: CheckerOptions,
  applications: readonly Application[],
  random: Random,
  history: History,
  signal: AbortSignal,
): Promise<void> {
  const guests = new Guests(applications, history, random.fork());
  while (!signal.aborted) {
    const application = random.pick(applications);
    const own = history.conversations.filter((conversation) => isMember(conversation, application.userId));
    const { id } = random.pick(own);
    if (random.chance(guestChance)) guests.change();
    const burst = random.chance(0.05) ? 10 : 1;
    for (let index = 0; index < burst; index++) application.send(id);
    if (random.chance(0.3)) random.pick(applications).read(id);
    // The bound keeps a dead system from filling the memory with what waits.
    await delay((2_000 * random.next() * burst) / rate, undefined, { signal }).catch(() => undefined);
  }
  // An invitation that was asked for is waited for: only then is it known who must have what.
  await guests.settled();
}
