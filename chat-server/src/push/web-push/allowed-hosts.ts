/** The push services of the browsers in use: Chrome and Edge's Chromium, Firefox, Safari, Edge on Windows. */
export const KNOWN_PUSH_SERVICES = [
  "fcm.googleapis.com",
  "updates.push.services.mozilla.com",
  "*.push.apple.com",
  "*.notify.windows.com",
].join(",");

/**
 * Whether a server may post to an endpoint. A subscription comes from a client, and what it calls an endpoint could be a service inside the cluster.
 *
 * @param list hosts, with a port where it isn't 443, separated by commas; `*.` stands for any names before
 */
export function isAllowed(list: string, endpoint: URL): boolean {
  return list.split(",").some((pattern) => {
    const host = pattern.trim().toLowerCase();
    return host.startsWith("*.") ? endpoint.host.endsWith(host.slice(1)) : endpoint.host === host;
  });
}
