import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { CodedError } from "@chatcluster/foundation/errors";

/**
 * Writes what comes to a new file, and has it on the disk before it returns.
 *
 * @param bytes that there must be
 * @throws CodedError `snapshot_file_cut` for another number of them
 */
export async function fetchFile(
  source: AsyncIterable<Uint8Array>,
  path: string,
  bytes: number,
): Promise<{ sha256: string }> {
  await using file = await open(path, "wx");
  const hash = createHash("sha256");
  let written = 0;
  for await (const chunk of source) {
    written += chunk.length;
    if (written > bytes) break;
    hash.update(chunk);
    await writeAll(file, chunk);
  }
  if (written !== bytes)
    throw new CodedError("snapshot_file_cut", `${path}: ${written} bytes came instead of ${bytes}`);
  await file.sync();
  return { sha256: hash.digest("hex") };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) offset += (await file.write(chunk, offset)).bytesWritten;
}
