import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Cluster, clusterIsUp } from "../../support/cluster.ts";
import type { ProbeInput, ProbeOutput } from "../../support/probe.ts";

const USERS = 1_000;
let cluster: Cluster;
let users: ProbeInput["users"];
before(async () => {
  cluster = await clusterIsUp();
  users = await Promise.all(
    Array.from({ length: USERS }, async (_, index) => ({
      id: `user-${index}`,
      token: await cluster.token(`user-${index}`),
    })),
  );
  // The bounded load sends a user elsewhere while the server is fuller than the others, which with a handful of connections is often.
  await cluster.patchSample({ ingress: { loadFactor: 0 } });
  await cluster.ready();
});
after(() => cluster.patchSample({ servers: { min: 2 }, ingress: { loadFactor: 125 } }));

async function probe(): Promise<ProbeOutput> {
  const addresses = (await cluster.podAddresses("ingress")).map((address) => `${address}:8080`);
  return JSON.parse(
    await cluster.runInside(new URL("../../support/probe.ts", import.meta.url), JSON.stringify({ addresses, users })),
  );
}

/** The one mapping on which every HAProxy pod agrees. */
function agreed(servers: ProbeOutput): Record<string, string> {
  const [first, ...others] = Object.values(servers);
  assert.ok(first && others.length >= 1, "there are two HAProxy pods");
  for (const other of others) {
    const torn: string[] = users.filter(({ id }) => other[id] !== first[id]).map(({ id }) => id);
    assert.deepEqual(torn, [], "every HAProxy pod maps every user to the same server");
  }
  return first;
}

test("two HAProxy pods agree on every user, and a further server takes about its share of them", async (t) => {
  await cluster.serversAre(2);
  const earlier = agreed(await probe());
  assert.equal(new Set(Object.values(earlier)).size, 2, "both servers have users");

  await cluster.patchSample({ servers: { min: 3 } });
  await cluster.serversAre(3);
  // Each agent learns of the new server by its own watch; the sample of users settles once both have.
  const later = await until(async () => {
    const servers = await probe();
    return Object.values(servers).every((one) => new Set(Object.values(one)).size === 3) && agreed(servers);
  }, "both HAProxy pods send users to the third server");
  const moved = users.filter(({ id }) => earlier[id] !== later[id]);
  const share = moved.length / USERS;
  t.diagnostic(`${moved.length} of ${USERS} users moved when the third server came`);
  assert.ok(share > 0.2 && share < 0.47, `about a third moves, not ${share}`);
  const known = new Set(Object.values(earlier));
  for (const { id } of moved)
    assert.ok(!known.has(later[id] ?? ""), `${id} moved to the new server, not between the old ones`);
});
