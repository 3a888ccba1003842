const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const shortDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Whole days from the day of `at` to the day of `now`, by the calendar of this place. */
function daysAgo(at: number, now: number): number {
  const midnight = (ms: number) => new Date(ms).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / DAY_MS);
}

export const timeOfDay = (at: number): string => clock.format(at);

/** A heading for the messages of one day. */
export function dayName(at: number, now = Date.now()): string {
  const days = daysAgo(at, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return days > 0 && days < 7 ? weekday.format(at) : date.format(at);
}

/** As short as a list has room for. */
export function shortTime(at: number, now = Date.now()): string {
  const days = daysAgo(at, now);
  if (days === 0) return clock.format(at);
  return days === 1 ? "Yesterday" : shortDate.format(at);
}

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.split(/[\s._@+~|=-]+/).filter((word) => word !== "");
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...(word ?? "?")][0]?.toUpperCase()).join("");
}

/** One of eight hues, always the same one for a name. */
export function hueOf(name: string): string {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return String(hash % 8);
}

/** User ids in a text, with commas or spaces between them. */
export const idsIn = (text: string): string[] => text.split(/[\s,]+/).filter((userId) => userId !== "");

/** More than the page counts are shown as so. */
export const countText = (count: number): string => (count > 99 ? "99+" : String(count));
