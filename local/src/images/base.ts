import { contentKey, type Progress } from "../cache/entry.ts";
import { runCommand } from "../tools/command.ts";
import { tool } from "../tools/index.ts";
import { type Layer, tarLayer } from "./layer.ts";

const SUITE = "bookworm";

/** Beyond Debian's essential packages: what Node, Redis, HAProxy and the JVM are linked with. No package manager, no Perl modules. */
const PACKAGES = ["libstdc++6", "libssl3", "zlib1g"];

const OPTIONS = [
  "--variant=essential",
  // A container gets devices of its own.
  "--skip=output/dev",
  ...["doc", "man", "info", "locale"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
  `--include=${PACKAGES.join(",")}`,
  // Nothing in a container may gain the rights of root.
  '--customize-hook=find "$1" -xdev -type f -perm /6000 -exec chmod a-s {} +',
];

/** The Debian layer that all images but `pause` share, so that a node holds it once. */
export async function debianBase(progress: Progress): Promise<Layer> {
  const mmdebstrap = await tool("mmdebstrap", progress);
  const key = contentKey(SUITE, ...OPTIONS);
  return tarLayer(`debian-${key}`, progress, async (file) => {
    await runCommand(mmdebstrap, [...OPTIONS, SUITE, file], {
      env: { SOURCE_DATE_EPOCH: "0" },
      onLine: (line) => {
        if (line.startsWith("I: ")) progress(line.slice(3));
      },
    });
  });
}
