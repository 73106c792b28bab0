/**
 * @file A zip archive that must hold certain files and nothing else → a folder. Judged as archives of pictures are, before anything is
 * written; a single damaged file refuses it, because the files are of no use without each other.
 */
import { join } from 'node:path';
import type { Entry, ZipFile } from 'yauzl';
import { hostility, isHidden, NameCollisions } from './archive-names.ts';
import { requireRoom, withEntries, writeEntry } from './archive-entries.ts';
import { ARCHIVE_LIMITS, ArchiveBudget, refusal, type ArchiveLimits } from './archive-limits.ts';
import type { ArchivePart, UnpackPartsRequest } from './protocol.ts';

/** Of an archive that has few files to hold; hidden files and folders count too. */
const MOST_ENTRIES = 100;

/**
 * @param request `folder` must exist and be empty; the caller removes it
 * @throws TapsError `dataset-invalid` for what is no archive, a hostile one, or one with other files; `disk-full`, `io-failed`
 */
export async function unpackParts({ archive, folder, parts }: UnpackPartsRequest, limits: ArchiveLimits = ARCHIVE_LIMITS): Promise<void> {
  const wanted = new Map(parts.map((part) => [part.name, part]));
  const bytes = await withEntries(archive, (zip) => judge(zip, wanted, limits));
  requireRoom(folder, bytes);
  await withEntries(archive, async (zip) => {
    for await (const entry of zip.eachEntry()) {
      const name = partOf(entry.fileName);
      if (name === undefined) continue;
      // Again: the archive may have been exchanged since it was judged.
      const part = wanted.get(name);
      if (part === undefined || entry.uncompressedSize > part.maxBytes) throw refusal('it changed while it was read', 'Try again when nothing writes to it.');
      const reason = await writeEntry(zip, entry, join(folder, name));
      if (reason !== undefined) throw refusal(`${JSON.stringify(name)} is ${reason}`, 'It may be cut off: copy or download it again.');
    }
  });
}

/** @returns bytes of all files */
async function judge(zip: ZipFile, wanted: ReadonlyMap<string, ArchivePart>, limits: ArchiveLimits): Promise<number> {
  if (zip.entryCount > MOST_ENTRIES) throw refusal(`it has ${String(zip.entryCount)} entries, more than ${String(MOST_ENTRIES)}`);
  const budget = new ArchiveBudget(limits, zip.fileSize);
  const collisions = new NameCollisions();
  const found = new Set<string>();
  for await (const entry of zip.eachEntry()) {
    const hostile = hostility(entry.fileName);
    if (hostile !== undefined) throw refusal(`${JSON.stringify(entry.fileName)} has ${hostile}`);
    const name = partOf(entry.fileName);
    if (name === undefined) continue;
    const part = wanted.get(name);
    if (part === undefined) throw refusal(`it has ${JSON.stringify(entry.fileName)}, where only ${[...wanted.keys()].join(', ')} belong`);
    if (collisions.add(name) !== undefined) throw refusal(`it has ${JSON.stringify(name)} twice`);
    requireReadable(entry, part);
    found.add(name);
    budget.addFile({ name, bytes: entry.uncompressedSize, packedBytes: entry.compressedSize, offset: entry.relativeOffsetOfLocalHeader });
  }
  budget.finish();
  const missing = [...wanted.values()].find(({ name, required }) => required && !found.has(name));
  if (missing !== undefined) throw refusal(`it has no ${missing.name}`);
  return budget.totalBytes;
}

/** The name below the one folder that file managers pack with; undefined for folders and for what macOS adds. */
function partOf(name: string): string | undefined {
  if (name.endsWith('/') || isHidden(name)) return undefined;
  const [folder, ...rest] = name.split('/');
  return rest.length === 1 ? rest[0] : rest.length === 0 ? folder : name;
}

function requireReadable(entry: Entry, { name, maxBytes }: ArchivePart): void {
  // The upper half is the mode where a Unix made the archive, and 0 elsewhere.
  const type = (entry.externalFileAttributes >>> 16) & 0xf000;
  if (type !== 0 && type !== 0x8000) throw refusal(`${JSON.stringify(name)} is a link or a device`);
  if (entry.isEncrypted()) throw refusal('it is protected by a password');
  if (!entry.canDecodeFileData()) throw refusal(`${JSON.stringify(name)} is packed by method ${String(entry.compressionMethod)}, which is not read`);
  if (entry.uncompressedSize > maxBytes) throw refusal(`${JSON.stringify(name)} has ${String(entry.uncompressedSize)} bytes, more than ${String(maxBytes)}`);
}
