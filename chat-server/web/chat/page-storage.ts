const TOKEN = "chatcluster.token";
const DEVICE = "chatcluster.device";

/**
 * What this tab keeps over a reload. Session storage and not local storage: each tab is a device of its own, perhaps of another user, and a
 * token is gone with its tab. What was not sent outlives the tab, in IndexedDB.
 */
export const pageStorage = {
  get token(): string | undefined {
    return sessionStorage.getItem(TOKEN) ?? undefined;
  },
  set token(token: string | undefined) {
    if (token === undefined) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, token);
  },
  get deviceId(): string {
    const known = sessionStorage.getItem(DEVICE);
    if (known !== null) return known;
    const made = `browser-${randomId()}`;
    sessionStorage.setItem(DEVICE, made);
    return made;
  },
};

/** 128 random bits. `crypto.randomUUID` is there in secure contexts only, and a page may be opened by http in a private network. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
