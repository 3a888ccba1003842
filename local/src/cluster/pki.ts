import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type CertificateRequest,
  type CertifiedKey,
  currentAuthority,
  currentCertificate,
  exportKey,
  exportPublicKey,
  generateKeys,
} from "@chatcluster/foundation/certificates";

const RENEW_BEFORE_DAYS = 30;
const AUTHORITY = { days: 3650, renewBeforeDays: RENEW_BEFORE_DAYS };
const LEAF = { days: 365, renewBeforeDays: RENEW_BEFORE_DAYS };

/** A certificate and its private key, both as PEM text and as the file that holds it. */
export type KeyPair = CertifiedKey & { certificateFile: string; keyFile: string };

export type LeafRequest = Pick<CertificateRequest, "commonName" | "organization" | "usages" | "hosts"> & {
  /** The files' name. */
  name: string;
};

/** A certificate authority kept in two files of `folder`; taken from them while it is valid, else made anew. */
export async function certificateAuthority(folder: string, name: string, now = new Date()): Promise<KeyPair> {
  return keep(folder, name, (kept) => currentAuthority(kept, { ...AUTHORITY, name }, now));
}

/** A certificate signed by `authority`; taken from its files while it is valid and says what is asked, else made anew. */
export async function leafCertificate(
  folder: string,
  authority: KeyPair,
  { name, ...request }: LeafRequest,
  now = new Date(),
): Promise<KeyPair> {
  return keep(folder, name, (kept) => currentCertificate(kept, authority, { ...LEAF, ...request }, now));
}

/** The key pair that signs service account tokens; kept for good, since every token depends on it. */
export async function serviceAccountKeys(folder: string): Promise<{ publicFile: string; privateFile: string }> {
  const [publicFile, privateFile] = [join(folder, "service-account.pub"), join(folder, "service-account.key")];
  if (existsSync(publicFile) && existsSync(privateFile)) return { publicFile, privateFile };
  const keys = await generateKeys();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(privateFile, await exportKey(keys.privateKey), { mode: 0o600 });
  writeFileSync(publicFile, await exportPublicKey(keys.publicKey));
  return { publicFile, privateFile };
}

async function keep(
  folder: string,
  name: string,
  current: (kept: CertifiedKey | undefined) => Promise<CertifiedKey>,
): Promise<KeyPair> {
  const [certificateFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const isKept = existsSync(certificateFile) && existsSync(keyFile);
  const kept = isKept
    ? { certificate: readFileSync(certificateFile, "utf8"), key: readFileSync(keyFile, "utf8") }
    : undefined;
  const { certificate, key } = await current(kept);
  if (certificate !== kept?.certificate) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(keyFile, key, { mode: 0o600 });
    writeFileSync(certificateFile, certificate);
  }
  return { certificate, key, certificateFile, keyFile };
}
