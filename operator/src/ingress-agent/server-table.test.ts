import assert from "node:assert/strict";
import { test } from "node:test";
import { parseServers } from "./server-table.ts";

const HEADER =
  "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change " +
  "srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn " +
  "srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port";
const row = (name: string, operational: number, admin: number, check: number) =>
  `3 chat 77 ${name} 127.0.0.1 ${operational} ${admin} 100 100 1 1 0 0 ${check} 0 0 1 - 19001 - 0 19002 - - 19002`;
const state = (...rows: string[]) => ["1", HEADER, ...rows].join("\n");
const CONNECTIONS =
  "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]\n" +
  "chat/a 3/77 127.0.0.1 19001 - 5000 12 12 12 0 0 -1 0 0 0";

test("a row of HAProxy 2.6 becomes a server", () => {
  assert.deepEqual(parseServers(state(row("a", 2, 0, 6)), CONNECTIONS), [
    { name: "a", id: 77, address: "127.0.0.1", port: 19001, state: "ready", checked: true, up: true, connections: 12 },
  ]);
});

test("admin states, checks and health are told apart", () => {
  const [maint, drain, down] = parseServers(
    state(row("m", 0, 1, 0), row("d", 2, 8, 6), row("x", 0, 0, 6)),
    CONNECTIONS,
  );
  assert.deepEqual([maint?.state, maint?.checked, maint?.up], ["maint", false, false]);
  assert.deepEqual([drain?.state, drain?.up], ["drain", false]);
  assert.deepEqual([down?.state, down?.up, down?.connections], ["ready", false, 0]);
});

test("a table without its columns, or with something else in them, is an error", () => {
  const wrong: [string, string][] = [
    ["1\n# be_id be_name\n3 chat", CONNECTIONS],
    [state(row("a", 2, 0, 6).replace(" 77 ", " many ")), CONNECTIONS],
    [state("3 chat 77 a"), CONNECTIONS],
    [state(), "nothing"],
  ];
  for (const [servers, connections] of wrong) {
    assert.throws(() => parseServers(servers, connections), { code: "haproxy_unexpected_answer" });
  }
});
