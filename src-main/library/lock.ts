/**
 * @file One writer per library: `library.lock` names the process that writes.
 * The file has a fixed size and is overwritten in place, so that it can be taken on a full disk.
 * Reading and taking it happen inside a write transaction of the database, which no two processes can hold at once
 * and which the system releases when a process dies; so a stale lock has no race.
 */
import { closeSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { TapsError } from '../contract/errors.ts';
import { isErrno } from '../platform/file-system.ts';
import { storageError } from '../platform/storage-error.ts';
import type { WritableDb } from './database.ts';

const LOCK_FILE = 'library.lock';
const LOCK_BYTES = 512;

const holderSchema = z.object({ pid: z.number().int().positive(), processStart: z.string().nullable(), host: z.string() });
type Holder = z.infer<typeof holderSchema>;

/** Distinguishes a process from a later one of the same number. Linux only; elsewhere null, and the number alone decides. */
function processStartOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    // Field 22, counted after the command name, which may hold spaces and parentheses.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return ticks === undefined ? null : `${boot}/${ticks}`;
  } catch {
    return null;
  }
}

function isAlive({ pid, processStart, host }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
  }
  return processStart === null || processStartOf(pid) === processStart;
}

function readHolder(descriptor: number): Holder | null {
  const bytes = new Uint8Array(LOCK_BYTES);
  const length = readSync(descriptor, bytes, 0, LOCK_BYTES, 0);
  try {
    return holderSchema.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(0, length))));
  } catch {
    return null; // free, or left by a process that died while it wrote
  }
}

function writeHolder(descriptor: number, holder: Holder | null): void {
  const text = holder === null ? '' : JSON.stringify(holder);
  writeSync(descriptor, new TextEncoder().encode(text.padEnd(LOCK_BYTES - 1) + '\n'), 0, LOCK_BYTES, 0);
  fsyncSync(descriptor);
}

/** Opens without truncating, creating where absent: the flags 'r+' and 'w+' do one of the two each. */
function openLockFile(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return openSync(path, 'w+');
  }
}

/** Runs `work` on the lock file with every other process kept out. */
function withLockFile<Result>(db: WritableDb, path: string, work: (descriptor: number) => Result): Result {
  return db.transaction(() => {
    let descriptor: number | null = null;
    try {
      descriptor = openLockFile(path);
      return work(descriptor);
    } catch (error) {
      throw storageError(error, 'lock', path, LOCK_BYTES);
    } finally {
      if (descriptor !== null) closeSync(descriptor);
    }
  });
}

/**
 * Makes this process the writer of a library.
 * @returns releases the lock
 * @throws TapsError `library-locked` with the holder's process id
 */
export function takeLock(db: WritableDb, folder: string): () => void {
  const path = join(folder, LOCK_FILE);
  const own: Holder = { pid: process.pid, processStart: processStartOf(process.pid), host: hostname() };
  withLockFile(db, path, (descriptor) => {
    const holder = readHolder(descriptor);
    if (holder !== null && isAlive(holder)) {
      const place = holder.host === own.host ? '' : ` on ${holder.host}`;
      throw new TapsError('library-locked', `The library ${folder} is in use by process ${String(holder.pid)}${place}.`, `Close that program and try again; if it is gone for certain, delete ${path}.`, {
        details: { pid: holder.pid, host: holder.host },
      });
    }
    writeHolder(descriptor, own);
  });
  return () => {
    withLockFile(db, path, (descriptor) => {
      if (readHolder(descriptor)?.pid === own.pid) writeHolder(descriptor, null);
    });
  };
}
