import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/**
 * Writes a configuration file, readable by root alone, unless it says the same already: kube-proxy ends when its file is touched.
 *
 * @returns the text
 */
export function writeConfig(file: string, text: string): string {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return text;
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return text;
}
