import { tool } from "@chatcluster/local/tools";
import { type Browser, chromium } from "playwright-core";

/** Without what a browser does on its own account: nothing leaves the machine. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Debian's Chromium. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = await tool("chromium", (line) => void process.stderr.write(`${line}\n`));
  return chromium.launch({ executablePath, args: FLAGS });
}
