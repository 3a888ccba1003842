import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import {
  type Client,
  ConfigMap,
  Deployment,
  NetworkPolicy,
  PodDisruptionBudget,
  Secret,
  Service,
  StatefulSet,
} from "../runtime/index.ts";
import { condition, createSample, sampleChild, sampleStatus } from "../testing/chat-cluster-api.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorSystem, startOperatorSystem } from "../testing/operator-system.ts";

let system: OperatorSystem;
let admin: Client;
let operator: OperatorSystem["operator"];

before(async () => {
  system = await startOperatorSystem();
  ({ admin, operator } = system);
});
after(() => system[Symbol.asyncDispose]());

const external = { contactPoints: ["db-1.example", "db-2.example:9142"], secretName: "login", keyspace: "talk" };

test("where somebody else runs Cassandra, nothing is made of it, and the chat servers are told where it is and who they are", async () => {
  const namespace = await restrictedNamespace(admin, "external");
  await createSample(admin, namespace, { cassandra: { external, datacenter: "paris", replicationFactor: 3 } });
  for (const kind of [StatefulSet, Service, ConfigMap, Secret, PodDisruptionBudget, NetworkPolicy]) {
    const { items } = await admin.list(kind, { namespace });
    const names = items.map(({ metadata }) => metadata.name).filter((name) => name.includes("cassandra"));
    assert.deepEqual(names, [], kind.kind);
  }
  const { spec } = await sampleChild(admin, namespace, Deployment, "chat");
  const { containers } = (spec as { template: { spec: { containers: { env: { name: string }[] }[] } } }).template.spec;
  const env = new Map(containers[0]?.env.map((each) => [each.name, each]));
  const value = (name: string) => (env.get(`CHAT_CASSANDRA_${name}`) as { value?: string } | undefined)?.value;
  assert.equal(value("CONTACT_POINTS"), "db-1.example:9042,db-2.example:9142");
  assert.deepEqual([value("LOCAL_DC"), value("REPLICATION"), value("KEYSPACE")], ["paris", "paris:3", "talk"]);
  for (const key of ["username", "password"])
    assert.deepEqual(env.get(`CHAT_CASSANDRA_${key.toUpperCase()}`), {
      name: `CHAT_CASSANDRA_${key.toUpperCase()}`,
      valueFrom: { secretKeyRef: { name: "login", key } },
    });
  const status = await sampleStatus(admin, namespace);
  assert.equal(condition(status, "CassandraReady")?.reason, "External");
  assert.equal(status.cassandra, undefined);
  assert.deepEqual(operator.credentials.requests, [], "its roles are not ours");
});

test("a login that is not there is named, and taken up when it is", async () => {
  const namespace = await restrictedNamespace(admin, "login");
  await createSample(admin, namespace, { cassandra: { external } });
  const degraded = async () => condition(await sampleStatus(admin, namespace), "Degraded");
  assert.equal((await degraded())?.reason, "CassandraSecretMissing");
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "login", namespace } };
  await admin.create({ ...secret, stringData: { username: "chat" } });
  const found = await until(async () => {
    const now = await degraded();
    return now?.reason === "CassandraSecretInvalid" ? now : undefined;
  }, "the missing key to be named");
  assert.match(found.message, /Secret login, which spec\.cassandra\.external\.secretName names, has no key password/);
  await admin.mergePatch(Secret, { namespace, name: "login" }, { stringData: { password: "secret" } });
  await until(async () => (await degraded())?.status === "False", "the login to be taken");
});
