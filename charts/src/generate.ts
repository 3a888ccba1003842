/** Writes the files that are made of the CustomResourceDefinition. Run by `npm run generate`; a test fails while they are stale. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHARTS, generatedFiles } from "./generated-files.ts";

for (const [path, text] of generatedFiles()) writeFileSync(join(CHARTS, path), text);
