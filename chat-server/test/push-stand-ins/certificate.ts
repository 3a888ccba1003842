// The x509 library needs this polyfill before it is loaded.
import "reflect-metadata";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";

/** A self-signed certificate for 127.0.0.1, PEM. */
export async function localCertificate(): Promise<{ cert: string; key: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // One of its own: issuers are looked up by name, and a process may trust several.
    name: `CN=stand-in ${crypto.randomUUID()}`,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
  });
  const key = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { cert: certificate.toString("pem"), key };
}

/** This process trusts it from now on, as a server does with `NODE_EXTRA_CA_CERTS`. */
export function trust(cert: string): void {
  setDefaultCACertificates([...getCACertificates(), cert]);
}
