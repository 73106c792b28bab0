/** @file The report a person can attach to a message: versions, engines, the end of the log; no names of people or pictures. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import type { DoctorReport } from '../services/doctor.ts';
import type { LibraryStatus } from '../contract/studio/app.ts';

const LOG_LINES = 200;
/** Enough for as many lines. */
const LOG_TAIL_BYTES = 256 * 1024;
const PICTURE_NAME = /[^\s"'/\\:]+\.(?:jpe?g|png|webp|gif|tiff?|avif)\b/giu;

export interface ReportInput {
  machine: Omit<DoctorReport, 'library'>;
  library: LibraryStatus;
  transport: string;
  /** Counts by status. */
  runs: Record<string, number>;
  logFile: string | null;
}

export function reportText({ machine, library, transport, runs, logFile }: ReportInput): string {
  const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const lines = [
    `TAPS Studio ${machine.version} (${transport})`,
    `${machine.platform}, ${String(machine.cores)} cores, ${gigabytes(machine.memoryBytes)} memory, ${gigabytes(machine.freeMemoryBytes)} free`,
    ...Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`),
    '',
    'Engines',
    ...machine.engines.map(({ id, available, description }) => `${id}: ${available ? 'available' : 'not available'}; ${description}`),
    '',
    library.state === 'open' ? `Library: open, ${String(library.bases)} bases, ${String(library.tasks)} tasks` : `Library: ${library.error.code}: ${library.error.message}`,
    `Runs: ${Object.entries(runs).map(([status, count]) => `${String(count)} ${status}`).join(', ') || 'none'}`,
    '',
    `Log${logFile === null ? ': none is kept' : ` (last ${String(LOG_LINES)} lines)`}`,
    ...(logFile === null ? [] : lastLines(logFile)),
  ];
  return anonymous(`${lines.join('\n')}\n`, homedir(), userInfo().username);
}

function lastLines(file: string): string[] {
  try {
    const descriptor = openSync(file, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const bytes = new Uint8Array(Math.min(size, LOG_TAIL_BYTES));
      readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
      return new TextDecoder().decode(bytes).trimEnd().split('\n').slice(-LOG_LINES);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return ['The log cannot be read.'];
  }
}

/** Replaces home folder and user name by `~`, names of pictures by `(picture)`. */
export function anonymous(text: string, home: string, user: string): string {
  const escape = (words: string): string => words.replace(/[.*+?^${}()|[\]\\]/gu, '\\$&');
  const withoutHome = home.length > 1 ? text.replaceAll(home, '~').replaceAll(home.replaceAll('\\', '/'), '~') : text;
  const withoutUser = user.length > 0 ? withoutHome.replace(new RegExp(`(?<![\\p{L}\\p{N}])${escape(user)}(?![\\p{L}\\p{N}])`, 'giu'), '~') : withoutHome;
  return withoutUser.replace(PICTURE_NAME, '(picture)');
}
