const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_LENGTH = 10;
const SEQUENCE_LENGTH = 4;
const RANDOM_LENGTH = 12;

/** Crockford's base 32, most significant first, padded with zeros. */
function encode(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = ALPHABET.charAt(rest % 32) + text;
  return text;
}

/** Random bytes for many ids, for asking the system costs more than all else about an id. */
const randomBytes = new Uint8Array(RANDOM_LENGTH * 256);
let used = randomBytes.length;

/** The random part of a message id: 60 bits. */
export function randomPart(): string {
  if (used === randomBytes.length) {
    crypto.getRandomValues(randomBytes);
    used = 0;
  }
  let text = "";
  for (const end = used + RANDOM_LENGTH; used < end; used++) text += ALPHABET.charAt((randomBytes[used] ?? 0) % 32);
  return text;
}

/**
 * 26 characters in the ULID layout: 48 bits of time, then 20 bits that count within the millisecond, then 60 random bits. Texts sort as
 * (time, count). The Redis script `reserve.lua` makes the same.
 */
export function messageId(sentAt: number, sequence: number, random: string): string {
  return encode(sentAt, TIME_LENGTH) + encode(sequence, SEQUENCE_LENGTH) + random;
}

function decode(text: string): number {
  let value = 0;
  for (let index = 0; index < text.length; index++) value = value * 32 + ALPHABET.indexOf(text.charAt(index));
  return value;
}

/** Milliseconds since 1970, as the id was made with. */
export const timeOf = (id: string): number => decode(id.slice(0, TIME_LENGTH));

/** Before every id that was made at this time, in milliseconds since 1970, or later; after all others. */
export const firstOf = (time: number): string => messageId(time, 0, "0".repeat(RANDOM_LENGTH));

/** A bound that is greater than an id and not than any other. */
export const justAfter = (id: string): string => `${id}0`;

/**
 * A write time in microseconds that rises with the message's place: of two writes of a "so far" mark, the one that lies further wins,
 * whichever comes last. Equal for ids that share a millisecond beyond the thousandth: Cassandra then takes the greater value.
 */
export function writeTimeOf(id: string): bigint {
  const sequence = decode(id.slice(TIME_LENGTH, TIME_LENGTH + SEQUENCE_LENGTH));
  return BigInt(timeOf(id)) * 1_000n + BigInt(Math.min(sequence, 999));
}
