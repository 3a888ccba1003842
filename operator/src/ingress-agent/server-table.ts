import { CodedError } from "@chatcluster/foundation/errors";
import type { AdminState } from "./runtime-api.ts";

/** One server of a backend, as HAProxy has it. */
export interface HaproxyServer {
  readonly name: string;
  readonly id: number;
  readonly address: string;
  readonly port: number;
  readonly state: AdminState;
  /** Whether health checks run. */
  readonly checked: boolean;
  /** Whether HAProxy sends to it: admin state and checks taken together. */
  readonly up: boolean;
  /** Connections in use. */
  readonly connections: number;
}

/** Bits of srv_admin_state (management guide, "show servers state"): forced, inherited, configured, resolution maintenance. */
const MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20;
/** Forced and inherited drain. */
const DRAIN = 0x08 | 0x10;
/** Bit of srv_check_state. */
const CHECK_ENABLED = 0x04;
/** srv_op_state: starting or running. */
const UP_STATES: readonly number[] = [1, 2];

/**
 * The servers from the texts of `show servers state` and `show servers conn`. Columns are found by their names, for later versions
 * of HAProxy add some.
 *
 * @throws CodedError `haproxy_unexpected_answer` if a column or a number is missing.
 */
export function parseServers(state: string, connections: string): HaproxyServer[] {
  const inUse = new Map(
    rows(connections, "bkname/svname").map((row) => [after(row.text("bkname/svname")), row.number("used_cur")]),
  );
  return rows(state, "srv_name").map((row) => {
    const admin = row.number("srv_admin_state");
    const name = row.text("srv_name");
    return {
      name,
      id: row.number("srv_id"),
      address: row.text("srv_addr"),
      port: row.number("srv_port"),
      state: (admin & MAINTENANCE) !== 0 ? "maint" : (admin & DRAIN) !== 0 ? "drain" : "ready",
      checked: (row.number("srv_check_state") & CHECK_ENABLED) !== 0,
      up: admin === 0 && UP_STATES.includes(row.number("srv_op_state")),
      // A server that was added between the two answers has none yet.
      connections: inUse.get(name) ?? 0,
    };
  });
}

interface Row {
  text(column: string): string;
  number(column: string): number;
}

function rows(table: string, requiredColumn: string): Row[] {
  const lines = table.split("\n").map((line) => line.trim());
  const header = lines.find((line) => line.startsWith("#"));
  const columns = header?.slice(1).trim().split(/\s+/) ?? [];
  if (!columns.includes(requiredColumn)) throw unexpected(`no column ${requiredColumn} in "${header ?? ""}"`);
  return lines
    .filter((line) => line !== "" && line !== "1" && !line.startsWith("#"))
    .map((line) => toRow(columns, line.split(/\s+/)));
}

function toRow(columns: readonly string[], values: readonly string[]): Row {
  const text = (column: string): string => {
    const value = values[columns.indexOf(column)];
    if (value === undefined) throw unexpected(`no ${column} in "${values.join(" ")}"`);
    return value;
  };
  const number = (column: string): number => {
    const value = text(column);
    if (!/^\d+$/.test(value)) throw unexpected(`${column} is "${value}", not a number`);
    return Number(value);
  };
  return { text, number };
}

function after(pair: string): string {
  return pair.slice(pair.indexOf("/") + 1);
}

function unexpected(problem: string): CodedError {
  return new CodedError("haproxy_unexpected_answer", `HAProxy's table of servers: ${problem}`);
}
