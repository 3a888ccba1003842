// The x509 library needs this polyfill before it is loaded.
import "reflect-metadata";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const DAY = 86_400_000;
const AUTHORITY_DAYS = 3650;
const LEAF_DAYS = 365;
/** A certificate that ends sooner is made anew. */
const RENEW_BEFORE = 30 * DAY;

const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const signing = { name: "ECDSA", hash: "SHA-256" } as const;

/** A certificate and its private key, both as PEM text and as the file that holds it. */
export type KeyPair = { certificate: string; key: string; certificateFile: string; keyFile: string };

export type LeafRequest = {
  /** The files' name. */
  name: string;
  /** The user name, for Kubernetes; or the host's. */
  commonName: string;
  /** The groups, for Kubernetes: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates */
  organization?: string;
  usages: readonly ("server" | "client")[];
  /** Host names and IP addresses that it may serve. */
  hosts?: readonly string[];
};

/** A certificate authority kept in two files of `folder`; taken from them while it is valid, else made anew. */
export async function certificateAuthority(folder: string, name: string, now = new Date()): Promise<KeyPair> {
  const kept = readPair(folder, name);
  if (kept && isFresh(kept.certificate, now)) return kept;
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    ...validity(now, AUTHORITY_DAYS),
    signingAlgorithm: signing,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return writePair(folder, name, certificate.toString("pem"), await exportKey(keys.privateKey));
}

/** A certificate signed by `authority`; taken from its files while it is valid and says what is asked, else made anew. */
export async function leafCertificate(
  folder: string,
  authority: KeyPair,
  request: LeafRequest,
  now = new Date(),
): Promise<KeyPair> {
  const issuer = new X509Certificate(authority.certificate);
  const kept = readPair(folder, request.name);
  if (kept && isFresh(kept.certificate, now) && (await answers(kept.certificate, issuer, request))) return kept;
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: subject(request),
    issuer: issuer.subject,
    ...validity(now, LEAF_DAYS),
    signingAlgorithm: signing,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(request.usages.map((usage) => ExtendedKeyUsage[`${usage}Auth`])),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...alternativeNames(request),
    ],
  });
  return writePair(folder, request.name, certificate.toString("pem"), await exportKey(keys.privateKey));
}

/** The key pair that signs service account tokens; kept for good, since every token depends on it. */
export async function serviceAccountKeys(folder: string): Promise<{ publicFile: string; privateFile: string }> {
  const [publicFile, privateFile] = [join(folder, "service-account.pub"), join(folder, "service-account.key")];
  if (existsSync(publicFile) && existsSync(privateFile)) return { publicFile, privateFile };
  const keys = await generateKeys();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(privateFile, await exportKey(keys.privateKey), { mode: 0o600 });
  writeFileSync(publicFile, PemConverter.encode(await crypto.subtle.exportKey("spki", keys.publicKey), "PUBLIC KEY"));
  return { publicFile, privateFile };
}

async function answers(pem: string, issuer: X509Certificate, request: LeafRequest): Promise<boolean> {
  const certificate = new X509Certificate(pem);
  const wanted = [...(request.hosts ?? [])].sort();
  const served = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items.map((name) => name.value) ?? [];
  const usages = certificate.getExtension(ExtendedKeyUsageExtension)?.usages ?? [];
  return (
    certificate.subject === subject(request) &&
    JSON.stringify(served.sort()) === JSON.stringify(wanted) &&
    JSON.stringify(usages) === JSON.stringify(request.usages.map((usage) => ExtendedKeyUsage[`${usage}Auth`])) &&
    (await certificate.verify({ publicKey: issuer.publicKey, signatureOnly: true }))
  );
}

function subject({ commonName, organization }: LeafRequest): string {
  return organization === undefined ? `CN=${commonName}` : `CN=${commonName}, O=${organization}`;
}

function alternativeNames(request: LeafRequest): Extension[] {
  if (!request.hosts?.length) return [];
  const names = request.hosts.map<JsonGeneralName>((value) => ({
    type: /^\d+(\.\d+){3}$/.test(value) ? "ip" : "dns",
    value,
  }));
  return [new SubjectAlternativeNameExtension(names)];
}

function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  // An hour back, for clocks that differ a little.
  return { notBefore: new Date(now.getTime() - 3_600_000), notAfter: new Date(now.getTime() + days * DAY) };
}

function isFresh(pem: string, now: Date): boolean {
  const { notBefore, notAfter } = new X509Certificate(pem);
  return notBefore <= now && notAfter.getTime() - now.getTime() > RENEW_BEFORE;
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

async function exportKey(key: CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

async function importKey(pem: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), algorithm, false, ["sign"]);
}

function readPair(folder: string, name: string): KeyPair | undefined {
  const files = pairFiles(folder, name);
  if (!existsSync(files.certificateFile) || !existsSync(files.keyFile)) return undefined;
  return {
    certificate: readFileSync(files.certificateFile, "utf8"),
    key: readFileSync(files.keyFile, "utf8"),
    ...files,
  };
}

function writePair(folder: string, name: string, certificate: string, key: string): KeyPair {
  const files = pairFiles(folder, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(files.keyFile, `${key}\n`, { mode: 0o600 });
  writeFileSync(files.certificateFile, `${certificate}\n`);
  return { certificate: `${certificate}\n`, key: `${key}\n`, ...files };
}

function pairFiles(folder: string, name: string): { certificateFile: string; keyFile: string } {
  return { certificateFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
}
