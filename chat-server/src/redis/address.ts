/** Takes `host:port` apart; an IPv6 host may stand in brackets. */
export function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(address.slice(colon + 1)) };
}

/** `host:port,…` */
export const addressesOf = (list: string | undefined): { host: string; port: number }[] =>
  list === undefined ? [] : list.split(",").map(hostAndPort);
