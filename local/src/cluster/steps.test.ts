import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSteps } from "./steps.ts";

describe("steps", () => {
  const recorder = (isTTY: boolean) => {
    let time = 0;
    const written: string[] = [];
    const screen = { isTTY, columns: 40, write: (text: string) => written.push(text) };
    return {
      steps: createSteps(screen, () => time),
      written,
      pass: (ms: number) => {
        time += ms;
      },
    };
  };

  it("are plain lines where there is no terminal, with name, progress and time", async () => {
    const { steps, written, pass } = recorder(false);
    const result = await steps.run("Tools", async (progress) => {
      progress("first");
      pass(500);
      progress("too soon after it");
      pass(1000);
      progress("second");
      pass(10_000);
      progress("second");
      pass(10_000);
      progress("second");
      return 42;
    });
    assert.equal(result, 42);
    assert.deepEqual(written, [
      "◌ Tools\n",
      "  Tools (0.0 s): first\n",
      "  Tools (1.5 s): second\n",
      "  Tools (21.5 s): second\n",
      "✔ Tools (21.5 s)\n",
    ]);
  });

  it("say in one line what failed, and pass the error on", async () => {
    const { steps, written } = recorder(false);
    await assert.rejects(
      steps.run("Images", () => Promise.reject(new Error("no disk\nmore"))),
      /no disk/,
    );
    assert.equal(written.at(-1), "✖ Images (0.0 s): no disk\n");
  });

  it("stay on one line of a terminal", async () => {
    const { steps, written } = recorder(true);
    await steps.run("Tools", async (progress) => progress("a line that is much longer than the terminal is wide"));
    for (const text of written.slice(0, -1)) {
      assert.match(text, /^\r/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's own sequence
      assert.ok(text.replace(/\r\x1b\[2K/, "").length < 40);
    }
  });
});
