import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { certificateAuthority, leafCertificate, serviceAccountKeys } from "./pki.ts";

describe("the cluster's certificates", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "pki-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  const request = {
    name: "apiserver",
    commonName: "kube-apiserver",
    usages: ["server"],
    hosts: ["127.0.0.1", "kubernetes.default"],
  } as const;

  it("are signed by their authority and name the user, the groups and the hosts", async () => {
    const authority = await certificateAuthority(folder, "test-ca");
    const leaf = await leafCertificate(folder, authority, { ...request, organization: "system:nodes" });
    const certificate = new X509Certificate(leaf.certificate);
    const issuer = new X509Certificate(authority.certificate);
    assert.ok(certificate.verify(issuer.publicKey));
    assert.ok(certificate.checkIssued(issuer));
    assert.ok(issuer.ca && !certificate.ca);
    assert.equal(certificate.subject, "CN=kube-apiserver\nO=system:nodes");
    assert.equal(certificate.checkIP("127.0.0.1"), "127.0.0.1");
    assert.equal(certificate.checkHost("kubernetes.default"), "kubernetes.default");
    assert.equal(certificate.checkHost("elsewhere"), undefined);
    assert.equal(statSync(leaf.keyFile).mode & 0o777, 0o600);
  });

  it("are kept while they are valid and asked for in the same way", async () => {
    const authority = await certificateAuthority(folder, "kept-ca");
    const first = await leafCertificate(folder, authority, request);
    assert.deepEqual(await certificateAuthority(folder, "kept-ca"), authority);
    assert.deepEqual(await leafCertificate(folder, authority, request), first);
    const moved = await leafCertificate(folder, authority, { ...request, hosts: ["10.0.0.1"] });
    assert.notEqual(moved.certificate, first.certificate);
    const renamed = await leafCertificate(folder, authority, { ...request, hosts: ["10.0.0.1"], commonName: "other" });
    assert.notEqual(renamed.certificate, moved.certificate);
  });

  it("are made anew before they end, and when their authority was", async () => {
    const authority = await certificateAuthority(folder, "ending-ca");
    const first = await leafCertificate(folder, authority, { ...request, name: "ending" });
    const later = new Date(Date.now() + 340 * 86_400_000);
    assert.deepEqual(await certificateAuthority(folder, "ending-ca", later), authority);
    const renewed = await leafCertificate(folder, authority, { ...request, name: "ending" }, later);
    assert.notEqual(renewed.certificate, first.certificate);
    const other = await certificateAuthority(folder, "other-ca");
    const signedAnew = await leafCertificate(folder, other, { ...request, name: "ending" }, later);
    assert.ok(new X509Certificate(signedAnew.certificate).verify(new X509Certificate(other.certificate).publicKey));
  });

  it("leave the service account keys as they are", async () => {
    const first = await serviceAccountKeys(folder);
    const { mtimeMs } = statSync(first.privateFile);
    assert.deepEqual(await serviceAccountKeys(folder), first);
    assert.equal(statSync(first.privateFile).mtimeMs, mtimeMs);
    assert.equal(statSync(first.privateFile).mode & 0o777, 0o600);
  });
});
