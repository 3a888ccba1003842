import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { drawPlot, PLOT_FILE, plottedDay } from "./plot.ts";

test("the picture in the docs is what the code does now (else: node operator/src/scaling/plot.ts)", async () => {
  assert.equal(await readFile(PLOT_FILE, "utf8"), drawPlot(plottedDay()));
});
