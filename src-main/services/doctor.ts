/** @file Use-case: can this machine do the work, and if not, what exactly is missing. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { EngineInfo } from '../contract/engine-info.ts';
import { envelopeOf, type ErrorEnvelope } from '../contract/errors.ts';
import { volumeOf } from '../platform/storage-error.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';
import { openLibrary } from './open-library.ts';
import { programVersion } from './version.ts';

/** `absent`: there is none yet, which is fine. */
export type LibraryState =
  | { state: 'ok'; folder: string; bases: number; tasks: number; freeBytes: number | null }
  | { state: 'absent'; folder: string; freeBytes: number | null }
  | { state: 'failed'; folder: string; error: ErrorEnvelope };

export interface DoctorReport {
  version: string;
  /** Of Node, and of the packages that do the work. */
  versions: Record<string, string>;
  platform: string;
  cores: number;
  memoryBytes: number;
  freeMemoryBytes: number;
  engines: EngineInfo[];
  library: LibraryState;
}

const PACKAGES = ['onnxruntime-node', '@tensorflow/tfjs-core', '@tensorflow/tfjs-node-gpu', 'better-sqlite3', 'sharp'];

/** Never throws for what is wrong with the machine: that is the report. */
export async function doctor(libraryFolder: string): Promise<DoctorReport> {
  return { ...(await describeMachine()), library: await libraryState(libraryFolder) };
}

/** For a program that has its library open already. */
export async function describeMachine(): Promise<Omit<DoctorReport, 'library'>> {
  const trainer = new TrainerClient();
  try {
    const { engines } = await trainer.doctor();
    return {
      version: programVersion(),
      versions: { node: process.versions.node, ...Object.fromEntries(PACKAGES.map((name) => [name, installedVersion(name) ?? 'not installed'])) },
      platform: `${process.platform} ${process.arch}`,
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      freeMemoryBytes: freemem(),
      engines,
    };
  } finally {
    await trainer.stop();
  }
}

async function libraryState(folder: string): Promise<LibraryState> {
  const freeBytes = volumeOf(folder)?.freeBytes ?? null;
  if (!existsSync(join(folder, 'library.db'))) return { folder, state: 'absent', freeBytes };
  try {
    using library = openLibrary(folder, { readOnly: true });
    const { bases, tasks } = await library.stats();
    return { folder, state: 'ok', bases, tasks, freeBytes };
  } catch (error) {
    return { folder, state: 'failed', error: envelopeOf(error) };
  }
}

/** Walks up like Node does: the program may be installed beside its dependencies or above them. */
function installedVersion(name: string): string | null {
  for (let folder = import.meta.dirname; ; folder = join(folder, '..')) {
    const version = packageVersion(join(folder, 'node_modules', name));
    if (version !== null || folder === join(folder, '..')) return version;
  }
}

function packageVersion(folder: string): string | null {
  try {
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version?: string };
    return version ?? null;
  } catch {
    return null;
  }
}
