import { CodedError } from "@chatcluster/foundation/errors";
import { REDIS_PORT, SENTINEL_PORT } from "../resource/names.ts";
import {
  CHAT_USER,
  digests,
  NODE_USER,
  OPERATOR_USER,
  passwordsOf,
  type RedisAccess,
} from "../resource/redis-access.ts";
import { type RedisMember, SENTINEL_MASTER } from "../resource/redis-members.ts";
import { askRedis, type RedisLogin, type RedisPlace } from "./redis-session.ts";

/** Tells Redis servers and sentinels that run which passwords they accept; those that start read it from the Secret. */
export interface RedisPasswordSetter {
  /**
   * Makes a server or sentinel accept just these passwords, and use the first ones itself. May be repeated; nobody is disconnected from a Redis server.
   * @throws as `askRedis`
   */
  set(place: RedisPlace, member: RedisMember, access: RedisAccess): Promise<void>;
}

/** Speaks to the pods' own addresses. */
export const redisPasswordSetter: RedisPasswordSetter = {
  async set(place, member, access) {
    const port = place.port ?? (member === "redis" ? REDIS_PORT : SENTINEL_PORT);
    const commands = commandsFor(member, access);
    let refused: unknown;
    // One that started just when its Secret changed may know but the one that comes or goes.
    for (const login of loginsOf(access)) {
      try {
        return await askRedis(place, port, login, async (redis) => {
          for (const [command = "", ...words] of commands) await redis.call(command, ...words);
        });
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== "redis_login_refused") throw error;
        refused ??= error;
      }
    }
    throw refused;
  },
};

function loginsOf(access: RedisAccess): RedisLogin[] {
  if (access.mode === "standalone") return access.accepted.map((password) => ({ password }));
  return access.accepted.map(({ operator }) => ({ username: OPERATOR_USER, password: operator }));
}

function commandsFor(member: RedisMember, access: RedisAccess): string[][] {
  if (access.mode === "standalone") return [setPasswords("default", access.accepted)];
  const { accepted } = access;
  const users = [
    setPasswords(CHAT_USER, passwordsOf(accepted, "chat")),
    setPasswords(NODE_USER, passwordsOf(accepted, "node")),
    setPasswords(OPERATOR_USER, passwordsOf(accepted, "operator")),
  ];
  const { node } = accepted[0];
  if (member === "redis") return [...users, ["CONFIG", "SET", "masterauth", node]];
  // A sentinel connects to all others anew by it, within a second: too soon for any of them to count as lost.
  return [
    ...users,
    ["SENTINEL", "SET", SENTINEL_MASTER, "auth-pass", node],
    ["SENTINEL", "CONFIG", "SET", "sentinel-pass", node],
  ];
}

/** In one command, so that there is no moment without any password. https://redis.io/docs/latest/commands/acl-setuser/ */
function setPasswords(user: string, passwords: readonly string[]): string[] {
  return ["ACL", "SETUSER", user, "resetpass", ...digests(passwords).split(" ")];
}
