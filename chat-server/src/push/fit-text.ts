const MARK = "…";

/**
 * Encodes with the longest beginning of `text` that fits, and a mark where it was cut; never half a character.
 *
 * @param encode gives the whole payload for a text; its length must grow with the text's
 * @returns undefined if not even the empty text fits
 */
export function fitText(text: string, maxBytes: number, encode: (text: string) => string): string | undefined {
  const whole = encode(text);
  if (Buffer.byteLength(whole) <= maxBytes) return whole;
  const graphemes = [...new Intl.Segmenter().segment(text.slice(0, maxBytes))].map(({ segment }) => segment);
  const shortened = (count: number) => encode(count === 0 ? "" : graphemes.slice(0, count).join("") + MARK);
  let [fits, tooLong] = [-1, graphemes.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (Buffer.byteLength(shortened(middle)) <= maxBytes) fits = middle;
    else tooLong = middle;
  }
  return fits < 0 ? undefined : shortened(fits);
}
