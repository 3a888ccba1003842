/** Nodes that others turn to first: the first ones, as many as are useful. https://cassandra.apache.org/doc/5.0/cassandra/faq/index.html#what-are-seeds */
const SEEDS = 3;

/** Whether another node's name is known to DNS. A failed look-up (as opposed to a name that is not there) must throw. */
export type Resolves = (name: string) => Promise<boolean>;

/** The number at the end of a pod's name. */
export function ordinalOf(podName: string): number {
  const [, digits] = /-(\d+)$/.exec(podName) ?? [];
  if (digits === undefined) throw new RangeError(`pod ${podName} has no number: it is none of a StatefulSet`);
  return Number(digits);
}

/**
 * The domain of the pod's own namespace, `NAMESPACE.svc.cluster.local` in most clusters, from its resolv.conf.
 * https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#namespaces-of-services
 */
export function searchDomain(resolvConf: string): string {
  const [, list = ""] = /^search\s+(.*)$/m.exec(resolvConf) ?? [];
  const domain = list.split(/\s+/).find((each) => /^[^.]+\.svc\./.test(each));
  if (domain === undefined) throw new RangeError("/etc/resolv.conf searches no domain of a Kubernetes namespace");
  return domain;
}

/**
 * The seeds of one node: the first of the other nodes that exist. A node is never a seed of its own while there are others, since a seed
 * joins without the data that it should hold: so the first pod too, with a new volume, streams its data from the others.
 *
 * @param domain the headless Service's, whole
 * @returns none when no other node exists yet: only pod 0 may then go on alone
 */
export async function seedsOf(podName: string, domain: string, resolves: Resolves): Promise<string[]> {
  const name = podName.slice(0, podName.lastIndexOf("-"));
  const own = ordinalOf(podName);
  const others = Array.from({ length: SEEDS + 1 }, (_, ordinal) => ordinal).filter((ordinal) => ordinal !== own);
  const hosts = others.map((ordinal) => `${name}-${ordinal}.${domain}`);
  const found = await Promise.all(hosts.map(resolves));
  return hosts.filter((_, index) => found[index]).slice(0, SEEDS);
}
