/** Makes objects that live for a while, as many as make V8 let the young generation grow, and prints its size in bytes. */
import { getHeapSpaceStatistics } from "node:v8";

const alive: object[] = [];
for (let index = 0; index < 2_000_000; index++) alive[index % 100_000] = { index };
const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
process.stdout.write(String(young?.space_size));
