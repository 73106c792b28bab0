/** @file Tasks to hand to another library as one file or as a folder, and those taken in. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { ParsedInput } from '../contract/studio/contract.ts';
import type { TaskCard } from '../contract/studio/library.ts';
import { storageError } from '../platform/storage-error.ts';
import { packTask, unpackTask } from '../services/adapter.ts';
import type { StudioContext } from './context.ts';
import { defaultExportFolder, recordExport } from './exports.ts';
import { importEmbedded } from './import-bases.ts';
import { EMBEDDED_BASE, embeddedBaseFile } from './resources.ts';
import { taskCard } from './views/cards.ts';

/** As the command line tells them apart. */
const ENDINGS = { file: '.taps', folder: '-task' } as const;

/** Writes a new file or folder named after the task, in the granted folder or beside the library. */
export async function packTaskTo(context: StudioContext, { id, deltaId, folder, form }: ParsedInput<'task.pack'>): Promise<{ displayPath: string; bytes: number; exportId: string }> {
  const { session } = context;
  const task = session.task(id);
  const parent = folder === null ? defaultExportFolder(session.library.folder) : context.grants.pathOf(folder);
  await mkdir(parent, { recursive: true }).catch((error: unknown) => {
    throw storageError(error, 'create', parent);
  });
  const { path } = await packTask(session.library, task.id, freePath(parent, fileStem(task.name), ENDINGS[form]), null, deltaId);
  const bytes = await bytesOf(path);
  const chosen = deltaId ?? session.library.tasks.get(task.id).currentDeltaId ?? '';
  const { id: exportId } = recordExport(session.library, { taskId: task.id, taskName: task.name, deltaId: chosen, model: null, path, bytes });
  context.events.libraryChanged();
  return { displayPath: path, bytes, exportId };
}

export async function unpackTaskFrom(context: StudioContext, { source, name }: ParsedInput<'task.unpack'>): Promise<TaskCard> {
  const { session, events } = context;
  if (name !== undefined) await session.removals.finishNamed('task', name);
  const path = context.grants.pathOf(source);
  const { task } = await unpackTask(session.library, path, name).catch(async (error: unknown) => {
    if (!(await bringEmbeddedBase(context, error))) throw error;
    return unpackTask(session.library, path, name);
  });
  events.libraryChanged();
  return taskCard(session, task);
}

/** Whether the base that is missing may be the one that comes with the program and has been imported now: a file that somebody sent works in a library that is still empty. */
async function bringEmbeddedBase(context: StudioContext, error: unknown): Promise<boolean> {
  if (!(error instanceof TapsError) || error.code !== 'base-mismatch' || error.details?.['baseName'] !== EMBEDDED_BASE.name) return false;
  if (embeddedBaseFile() === null || context.session.bases().some(({ name }) => name === EMBEDDED_BASE.name)) return false;
  await importEmbedded(context, `take-in-${randomUUID()}`);
  return true;
}

/** A name that every file system takes: no separators, no reserved characters, not hidden. */
export function fileStem(name: string): string {
  const safe = name
    .replace(/[/\\:*?"<>|\p{Cc}]+/gu, '-')
    .replace(/^[.\s]+|[.\s]+$/gu, '')
    .slice(0, 80);
  return safe === '' ? 'task' : safe;
}

function freePath(parent: string, stem: string, ending: string): string {
  for (let number = 1; ; number++) {
    const path = join(parent, `${stem}${number === 1 ? '' : `-${String(number)}`}${ending}`);
    if (!existsSync(path)) return path;
  }
}

async function bytesOf(path: string): Promise<number> {
  const info = await stat(path);
  if (!info.isDirectory()) return info.size;
  let bytes = 0;
  for (const name of await readdir(path)) bytes += (await stat(join(path, name))).size;
  return bytes;
}
