// The x509 library needs this polyfill before it is loaded.
import "reflect-metadata";
import { isIP } from "node:net";
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

const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
const signing = { name: "ECDSA", hash: "SHA-256" } as const;

/** A certificate (RFC 5280) and its private key (PKCS #8), as PEM texts. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

export interface Lifetime {
  /** Days for which a new certificate is valid. */
  readonly days: number;
  /** Days before its end from which it is made anew. */
  readonly renewBeforeDays: number;
}

export interface CertificateRequest extends Lifetime {
  /** The user name, for Kubernetes; or the host's. */
  readonly commonName: string;
  /** The groups, for Kubernetes: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates */
  readonly organization?: string;
  readonly usages: readonly ("server" | "client")[];
  /** Host names and IP addresses that it may serve. */
  readonly hosts?: readonly string[];
}

/** A certificate authority: the one that was kept while it is valid for long enough, else a new one. */
export async function currentAuthority(
  kept: CertifiedKey | undefined,
  { name, ...lifetime }: Lifetime & { name: string },
  now = new Date(),
): Promise<CertifiedKey> {
  if (kept && isFresh(kept, lifetime, now)) return kept;
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    ...validity(now, lifetime),
    signingAlgorithm: signing,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pair(certificate, keys);
}

/** A certificate signed by `authority`: the one that was kept while it is valid for long enough and says what is asked, else a new one. */
export async function currentCertificate(
  kept: CertifiedKey | undefined,
  authority: CertifiedKey,
  request: CertificateRequest,
  now = new Date(),
): Promise<CertifiedKey> {
  const issuer = new X509Certificate(authority.certificate);
  if (kept && isFresh(kept, request, now) && (await answers(kept.certificate, issuer, request))) return kept;
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: subject(request),
    issuer: issuer.subject,
    ...validity(now, request),
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
  return pair(certificate, keys);
}

/** The two texts as a pair; undefined if the first is no certificate or the second is empty: who keeps them may let others write there. */
export function readPair(certificate = "", key = ""): CertifiedKey | undefined {
  const pair = { certificate, key };
  try {
    endOf(pair);
  } catch {
    return undefined;
  }
  return key === "" ? undefined : pair;
}

/** When a certificate ends. @throws Error for what is no certificate */
export const endOf = ({ certificate }: CertifiedKey): Date => new X509Certificate(certificate).notAfter;

async function pair(certificate: X509Certificate, { privateKey }: CryptoKeyPair): Promise<CertifiedKey> {
  return { certificate: `${certificate.toString("pem")}\n`, key: `${await exportKey(privateKey)}\n` };
}

async function answers(pem: string, issuer: X509Certificate, request: CertificateRequest): Promise<boolean> {
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

function subject({ commonName, organization }: CertificateRequest): string {
  return organization === undefined ? `CN=${commonName}` : `CN=${commonName}, O=${organization}`;
}

function alternativeNames(request: CertificateRequest): Extension[] {
  if (!request.hosts?.length) return [];
  const names = request.hosts.map<JsonGeneralName>((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }));
  return [new SubjectAlternativeNameExtension(names)];
}

function validity(now: Date, { days }: Lifetime): { notBefore: Date; notAfter: Date } {
  // An hour back, for clocks that differ a little.
  return { notBefore: new Date(now.getTime() - 3_600_000), notAfter: new Date(now.getTime() + days * DAY) };
}

function isFresh({ certificate }: CertifiedKey, { renewBeforeDays }: Lifetime, now: Date): boolean {
  const { notBefore, notAfter } = new X509Certificate(certificate);
  return notBefore <= now && notAfter.getTime() - now.getTime() > renewBeforeDays * DAY;
}

/** A new key pair for signatures: ECDSA on P-256. */
export async function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

/** A private key as PKCS #8 in PEM. */
export async function exportKey(key: CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

/** A public key as SPKI in PEM. */
export async function exportPublicKey(key: CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey("spki", key), "PUBLIC KEY");
}

async function importKey(pem: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(pem), algorithm, false, ["sign"]);
}
