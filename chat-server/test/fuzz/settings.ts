/** How often each property is tried. */
export const FUZZ_RUNS = Number(process.env.FUZZ_RUNS ?? 40);

/**
 * From what all choices of the fuzzer follow. `npm test` makes the same ones each time, so that no change is held up by a fault that it has
 * not brought; `FUZZ_SEED=random` looks for new ones, and what fails prints its seed.
 */
export const FUZZ_SEED = process.env.FUZZ_SEED === "random" ? Date.now() % 2 ** 31 : Number(process.env.FUZZ_SEED ?? 1);
