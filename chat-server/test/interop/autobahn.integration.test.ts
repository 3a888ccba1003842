import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { EchoServer } from "./echo-server.ts";
import { python } from "./python.ts";

const Results = Type.Array(
  Type.Object({
    id: Type.String(),
    passed: Type.Boolean(),
    behavior: Type.String(),
    closeCode: Type.Union([Type.Integer(), Type.Null()]),
  }),
);

/** Waived: compression (RFC 7692) is not offered, since it costs each connection tens of KiB and frames are small. */
const COMPRESSION = ["12.*", "13.*"];
/** Waived with the production options: messages beyond the protocol's 65,536 bytes, which are refused with 1009 as PROTOCOL.md says. */
const isLarge = (id: string) => /^9\.[12]\.[2-6]$|^9\.[3-6]\./.test(id);
const TOO_BIG = 1009;

async function run(server: EchoServer, include: readonly string[]) {
  const output = await python("autobahn.py", [
    `127.0.0.1:${server.port}`,
    JSON.stringify(include),
    JSON.stringify(COMPRESSION),
  ]);
  return Value.Parse(Results, JSON.parse(output));
}

describe("the WebSocket layer under the Autobahn cases", () => {
  test("with the production options passes all but messages that are too big, which it refuses as such", async () => {
    await using server = await EchoServer.start();
    const results = await run(server, ["*"]);
    assert.ok(results.length > 250, `only ${results.length} cases ran`);
    const failed = results.filter(({ passed }) => !passed);
    assert.deepEqual(
      failed.filter(({ id, closeCode }) => !isLarge(id) || closeCode !== TOO_BIG),
      [],
    );
  });

  test("passes those too once messages may be 16 MiB, in as many fragments as the cases use", async () => {
    await using server = await EchoServer.start({ maxPayload: 16 * 2 ** 20, maxFragments: 65_536 });
    const results = await run(server, ["9.*"]);
    assert.ok(results.length > 40, `only ${results.length} cases ran`);
    assert.deepEqual(
      results.filter(({ passed }) => !passed),
      [],
    );
  });
});
