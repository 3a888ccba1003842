/**
 * Reads stack settings as JSON from standard input, runs `pulumi up` with them and writes what it was refused with. A process of its own: a program
 * that throws leaves promises of Pulumi's runtime behind, which that runtime answers for at the end of the process by its status.
 */
import { json } from "node:stream/consumers";
import { messageOf } from "@chatcluster/foundation/errors";
import { Pulumi } from "./pulumi.ts";

const settings = (await json(process.stdin)) as Record<string, unknown>;
// `up` rejects with the same error, which is what is wanted; the runtime's own promises repeat it.
process.on("unhandledRejection", () => undefined);
const pulumi = await Pulumi.start();
try {
  const stack = await pulumi.stack("wrong", settings);
  await stack.up();
  process.stdout.write("not refused");
} catch (error) {
  process.stdout.write(messageOf(error));
} finally {
  pulumi.stop();
}
