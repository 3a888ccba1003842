/** The digits of Crockford's base 32, in order of their value and of their character codes alike. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

/** Sorts before every message. */
export const FIRST_MESSAGE_ID = "0".repeat(TIME_DIGITS + RANDOM_DIGITS);

/** The smallest message id whose time lies `ms` milliseconds before that of `id` (the first ten digits of a ULID are its time). */
export function earlierId(id: string, ms: number): string {
  let time = 0;
  for (const digit of id.slice(0, TIME_DIGITS)) time = time * 32 + DIGITS.indexOf(digit);
  return firstIdAt(time - ms);
}

/** The smallest message id of a time, in milliseconds since 1970. */
export function firstIdAt(ms: number): string {
  let time = Math.max(0, ms);
  let digits = "";
  for (let i = 0; i < TIME_DIGITS; i++) {
    digits = (DIGITS[time % 32] as string) + digits;
    time = Math.floor(time / 32);
  }
  return digits + "0".repeat(RANDOM_DIGITS);
}
