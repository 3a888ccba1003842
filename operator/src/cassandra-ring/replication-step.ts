/**
 * The next number of copies on the way to `target`: one step, with a repair after it before the next. More at once would lose sight of
 * rows: from 1 copy to 3, two copies of three are new and empty, and a quorum of those two answers with nothing. One step keeps every quorum
 * of reads in touch with every quorum of writes: q(n) + q(n+1) > n + 1.
 */
export function nextCopies(known: number, target: number): number {
  return known + Math.sign(target - known);
}
