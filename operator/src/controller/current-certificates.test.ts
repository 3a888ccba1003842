import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { sampleCluster } from "../testing/sample.ts";
import { currentCertificates } from "./current-certificates.ts";

const DAY = 86_400_000;
const START = Date.parse("2027-01-01T00:00:00Z");

type Held = Record<"authority" | "tls", Record<string, string>>;
const NOTHING: Held = { authority: {}, tls: {} };

/** What is held some days later, with the notes of the Events. */
async function after(days: number, kept: Held, hosts = ["chat.example", "10.0.0.1"]) {
  const notes: string[] = [];
  const cluster = sampleCluster({ ingress: { tls: { ownAuthority: { hosts } } } });
  const clock = { now: () => new Date(START + days * DAY) };
  const events = { record: (_: unknown, { note }: { note: string }) => notes.push(note) };
  const texts = await currentCertificates({ clock, events } as never, cluster, kept);
  const held: Held = { authority: texts["sample-ca"] ?? {}, tls: texts["sample-tls"] ?? {} };
  return { held, notes };
}

function certificates({ authority, tls }: Held) {
  const [issuer, leaf] = [new X509Certificate(authority["ca.crt"] ?? ""), new X509Certificate(tls["tls.crt"] ?? "")];
  assert.ok(leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey), "signed by the authority");
  assert.equal(tls["ca.crt"], authority["ca.crt"], "clients find what to trust beside it");
  return { issuer, leaf };
}

test("a certificate for the hosts, signed by an authority of the ChatCluster's own", async () => {
  const { held, notes } = await after(0, NOTHING);
  const { issuer, leaf } = certificates(held);
  assert.equal(issuer.subject, "CN=default/sample");
  assert.ok(issuer.ca && !leaf.ca);
  assert.equal(leaf.checkHost("chat.example"), "chat.example");
  assert.equal(leaf.checkIP("10.0.0.1"), "10.0.0.1");
  assert.equal(leaf.checkHost("other.example"), undefined);
  assert.match(held.tls["tls.key"] ?? "", /BEGIN PRIVATE KEY/);
  assert.deepEqual(notes, ["for chat.example, 10.0.0.1, valid until 2027-04-01T00:00:00.000Z"]);
});

test("it stays for two months, and is renewed by the same authority a month before its end", async () => {
  const { held } = await after(0, NOTHING);
  const still = await after(59, held);
  assert.deepEqual(still, { held, notes: [] });
  const renewed = await after(61, held);
  assert.equal(renewed.notes.length, 1);
  assert.deepEqual(renewed.held.authority, held.authority);
  assert.notEqual(certificates(renewed.held).leaf.serialNumber, certificates(held).leaf.serialNumber);
});

test("an authority that ends within a year is made anew, with what it signs", async () => {
  const { held } = await after(0, NOTHING);
  const later = await after(3_300, held);
  assert.notDeepEqual(later.held.authority, held.authority);
  certificates(later.held);
});

test("other hosts get another certificate of the same authority", async () => {
  const { held } = await after(0, NOTHING);
  const moved = await after(1, held, ["new.example"]);
  assert.deepEqual(moved.held.authority, held.authority);
  assert.equal(certificates(moved.held).leaf.checkHost("new.example"), "new.example");
});

test("what is no certificate, or has no key, is made anew", async () => {
  const { held } = await after(0, NOTHING);
  for (const tls of [
    { ...held.tls, "tls.crt": "nonsense" },
    { ...held.tls, "tls.key": "" },
  ])
    certificates((await after(1, { ...held, tls })).held);
});
