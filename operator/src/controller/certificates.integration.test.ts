import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { until } from "@chatcluster/foundation/until";
import { type Client, Deployment, Secret } from "../runtime/index.ts";
import { createSample, sampleChild } from "../testing/chat-cluster-api.ts";
import { restrictedNamespace } from "../testing/operator-fixture.ts";
import { type OperatorSystem, startOperatorSystem } from "../testing/operator-system.ts";
import { CHAT_CLUSTER } from "./informers.ts";

let system: OperatorSystem;
let admin: Client;

before(async () => {
  system = await startOperatorSystem();
  ({ admin } = system);
});
after(() => system[Symbol.asyncDispose]());

const tls = (...hosts: string[]) => ({ ingress: { tls: { ownAuthority: { hosts } } } });

async function held(namespace: string, name: string) {
  const secret = await admin.get(Secret, { namespace, name });
  const text = (key: string) => Buffer.from((secret.data as Record<string, string>)[key] ?? "", "base64").toString();
  return { type: secret.type, version: secret.metadata.resourceVersion, text };
}

test("an authority of its own: HAProxy mounts its certificate, which follows the hosts and is made anew where it is lost", async () => {
  const namespace = await restrictedNamespace(admin, "own-authority");
  await createSample(admin, namespace, tls("chat.example"));
  const [authority, first] = [await held(namespace, "sample-ca"), await held(namespace, "sample-tls")];
  assert.deepEqual([authority.type, first.type], ["Opaque", "kubernetes.io/tls"]);
  const issuer = new X509Certificate(authority.text("ca.crt"));
  const isFor = (pem: string, host: string) => {
    const leaf = new X509Certificate(pem);
    return leaf.verify(issuer.publicKey) && leaf.checkHost(host) === host;
  };
  assert.ok(isFor(first.text("tls.crt"), "chat.example"));
  assert.equal(first.text("ca.crt"), authority.text("ca.crt"));
  const { spec } = await sampleChild(admin, namespace, Deployment, "ingress");
  assert.match(JSON.stringify(spec), /"secretName":"sample-tls"/);

  await admin.mergePatch(CHAT_CLUSTER, { namespace, name: "sample" }, { spec: tls("other.example") });
  const isMoved = async () => isFor((await held(namespace, "sample-tls")).text("tls.crt"), "other.example");
  await until(isMoved, "the certificate for the other host");
  assert.equal((await held(namespace, "sample-ca")).version, authority.version, "by the same authority");

  await admin.delete(Secret, { namespace, name: "sample-tls" });
  const isBack = async () => isMoved().catch(() => false);
  await until(isBack, "the certificate that was lost");
});
