import { currentAuthority, currentCertificate, endOf, readPair } from "@chatcluster/foundation/certificates";
import type { ChatCluster } from "../api/chat-cluster.ts";
import { secretNames } from "../resource/names.ts";
import type { ConcernContext } from "./dependencies.ts";

type Texts = Readonly<Record<string, string>>;

/** RFC 5280 leaves lifetimes open. Browsers take at most 398 days; a short one shows early whether renewal works. */
const CERTIFICATE = { days: 90, renewBeforeDays: 30 };
const AUTHORITY = { days: 3_650, renewBeforeDays: 365 };

/**
 * What the Secrets of a ChatCluster with an authority of its own are to hold, by name: what they hold already while it is valid for long enough and is
 * for the hosts of the spec, else newly made.
 */
export async function currentCertificates(
  { clock, events }: Pick<ConcernContext, "clock" | "events">,
  cluster: ChatCluster,
  kept: Readonly<Record<"authority" | "tls", Texts>>,
): Promise<Record<string, Texts>> {
  const { name, namespace } = cluster.metadata;
  const names = secretNames(cluster);
  const [commonName = "", ...others] = cluster.spec.ingress.tls?.ownAuthority?.hosts ?? [];
  const now = clock.now();
  const authority = await currentAuthority(
    readPair(kept.authority["ca.crt"], kept.authority["ca.key"]),
    { ...AUTHORITY, name: `${namespace}/${name}` },
    now,
  );
  const request = { ...CERTIFICATE, commonName, usages: ["server"] as const, hosts: [commonName, ...others] };
  const leaf = await currentCertificate(readPair(kept.tls["tls.crt"], kept.tls["tls.key"]), authority, request, now);
  if (leaf.certificate !== kept.tls["tls.crt"])
    events.record(cluster, {
      type: "Normal",
      reason: "CertificateIssued",
      action: "Reconcile",
      note: `for ${request.hosts.join(", ")}, valid until ${endOf(leaf).toISOString()}`,
    });
  return {
    [names.authority]: { "ca.crt": authority.certificate, "ca.key": authority.key },
    [names.tls]: { "tls.crt": leaf.certificate, "tls.key": leaf.key, "ca.crt": authority.certificate },
  };
}
