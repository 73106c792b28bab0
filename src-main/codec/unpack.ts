/**
 * @file A zip archive of pictures → a folder. Read twice: first every entry is judged, and a hostile archive is refused before
 * anything is written; then pictures and tables are written and compared with their checksums.
 */
import { join } from 'node:path';
import type { Entry, ZipFile } from 'yauzl';
import { TapsError } from '../contract/errors.ts';
import type { QuarantinedImage } from '../contract/dataset.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import type { Progress } from '../supervisor/request-protocol.ts';
import { requireRoom, withEntries, writeEntry } from './archive-entries.ts';
import { ARCHIVE_LIMITS, ArchiveBudget, refusal, type ArchiveLimits } from './archive-limits.ts';
import { hostility, isHidden, isPicture, isTable, NameCollisions, objection } from './archive-names.ts';
import { ARCHIVE_RECORD, type ArchiveRecord, type UnpackRequest } from './protocol.ts';

/** Files written at a time: their flushes overlap. */
const PARALLEL = 8;
/** So many left-out files are listed; the rest is counted in the last entry. */
const MOST_LISTED = 1000;

interface Plan {
  /** Per entry of the archive, whether it is written. */
  wanted: boolean[];
  leftOut: QuarantinedImage[];
  totalBytes: number;
}

/**
 * @param request `folder` must exist and be empty; the caller gives it its name, or removes it after a failure
 * @throws TapsError `dataset-invalid` for what is no archive, a hostile one, or one without pictures; `disk-full`, `io-failed`
 */
export async function unpack(request: UnpackRequest, progress: Progress, limits = ARCHIVE_LIMITS): Promise<ArchiveRecord> {
  const { archive, folder } = request;
  const plan = await withEntries(archive, (zip) => judge(zip, limits));
  if (!plan.wanted.includes(true)) {
    const left = plan.leftOut[0];
    throw new TapsError('dataset-invalid', `There are no pictures in ${archive}${left === undefined ? '' : ` (${left.path}: ${left.reason})`}.`, 'Pack a folder per class with JPEG, PNG, WebP, GIF, TIFF or AVIF files.');
  }
  requireRoom(folder, plan.totalBytes);
  const { files, bytes, damaged } = await withEntries(archive, (zip) => extract(zip, plan, folder, progress));
  const leftOut = [...plan.leftOut, ...damaged].sort((a, b) => (a.path < b.path ? -1 : 1));
  const record: ArchiveRecord = { version: 1, files, bytes, leftOut: listed(leftOut) };
  await writeFileAtomic(join(folder, ARCHIVE_RECORD), new TextEncoder().encode(JSON.stringify(record)));
  return record;
}

async function judge(zip: ZipFile, limits: ArchiveLimits): Promise<Plan> {
  if (zip.entryCount > limits.entries) throw refusal(`it has ${String(zip.entryCount)} entries, more than ${String(limits.entries)}`, 'Unpack it yourself and choose the folder.');
  const budget = new ArchiveBudget(limits, zip.fileSize);
  const collisions = new NameCollisions();
  const wanted: boolean[] = [];
  const leftOut: QuarantinedImage[] = [];
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName;
    const hostile = hostility(name);
    if (hostile !== undefined) throw refusal(`${JSON.stringify(name)} has ${hostile}`);
    if (name.endsWith('/') || isHidden(name) || !(isPicture(name) || isTable(name))) {
      wanted.push(false);
      continue;
    }
    const reason = objection(name) ?? unusable(entry, limits);
    wanted.push(reason === undefined);
    if (reason !== undefined) {
      leftOut.push({ path: name, reason });
      continue;
    }
    const other = collisions.add(name);
    if (other !== undefined) throw refusal(`${JSON.stringify(name)} and ${JSON.stringify(other)} are one name on some systems`, 'Rename one of them and pack again.');
    budget.addFile({ name, bytes: entry.uncompressedSize, packedBytes: entry.compressedSize, offset: entry.relativeOffsetOfLocalHeader });
  }
  budget.finish();
  return { wanted, leftOut, totalBytes: budget.totalBytes };
}

/** Why a single file is not written. @throws TapsError for an archive with a password: all of it would be left out */
function unusable(entry: Entry, limits: ArchiveLimits): string | undefined {
  // The upper half is the mode where a Unix made the archive, and 0 elsewhere.
  const type = (entry.externalFileAttributes >>> 16) & 0xf000;
  if (type === 0xa000) return 'a link';
  if (type !== 0 && type !== 0x8000) return 'not a file';
  if (entry.isEncrypted()) throw refusal('it is protected by a password', 'Unpack it yourself and choose the folder.');
  if (!entry.canDecodeFileData()) return `packed by method ${String(entry.compressionMethod)}, which is not read`;
  const most = isTable(entry.fileName) ? limits.tableBytes : limits.pictureBytes;
  return entry.uncompressedSize > most ? `${String(entry.uncompressedSize)} bytes, more than ${String(most)}` : undefined;
}

async function extract(zip: ZipFile, { wanted, totalBytes }: Plan, folder: string, progress: Progress): Promise<{ files: number; bytes: number; damaged: QuarantinedImage[] }> {
  const damaged: QuarantinedImage[] = [];
  const pending = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let files = 0;
  let bytes = 0;
  let done = 0;
  let position = 0;
  const one = async (entry: Entry): Promise<void> => {
    const reason = await writeEntry(zip, entry, join(folder, entry.fileName));
    if (reason === undefined) {
      files++;
      bytes += entry.uncompressedSize;
    } else damaged.push({ path: entry.fileName, reason });
    done += entry.uncompressedSize;
    progress(done, totalBytes);
  };
  for await (const entry of zip.eachEntry()) {
    if (wanted[position++] !== true) continue;
    // Again: the archive may have been exchanged since it was judged.
    if (hostility(entry.fileName) !== undefined) throw refusal(`it changed while it was read`, 'Try again when nothing writes to it.');
    if (failures.length > 0) break;
    const job = one(entry).catch((error: unknown) => void failures.push(error)).finally(() => pending.delete(job));
    pending.add(job);
    if (pending.size >= PARALLEL) await Promise.race(pending);
  }
  await Promise.all(pending);
  if (failures.length > 0) throw failures[0];
  return { files, bytes, damaged };
}

function listed(leftOut: QuarantinedImage[]): QuarantinedImage[] {
  const rest = leftOut.slice(MOST_LISTED - 1);
  return rest.length < 2 ? leftOut : [...leftOut.slice(0, MOST_LISTED - 1), { path: rest[0]?.path ?? '', reason: `${rest[0]?.reason ?? ''} (and ${String(rest.length - 1)} more files)` }];
}
