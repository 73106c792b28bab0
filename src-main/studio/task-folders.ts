/** @file Tasks to hand to another library as a folder, and those taken in. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ParsedInput } from '../contract/studio/contract.ts';
import type { TaskCard } from '../contract/studio/library.ts';
import { storageError } from '../platform/storage-error.ts';
import { packTask, unpackTask } from '../services/adapter.ts';
import type { StudioContext } from './context.ts';
import { defaultExportFolder, recordExport } from './exports.ts';
import { taskCard } from './views/cards.ts';

/** Writes a new folder named after the task, in the granted folder or beside the library. */
export async function packTaskTo(context: StudioContext, { id, deltaId, folder }: ParsedInput<'task.pack'>): Promise<{ displayPath: string; bytes: number; exportId: string }> {
  const { session } = context;
  const task = session.task(id);
  const parent = folder === null ? defaultExportFolder(session.library.folder) : context.grants.pathOf(folder);
  await mkdir(parent, { recursive: true }).catch((error: unknown) => {
    throw storageError(error, 'create', parent);
  });
  const { path } = await packTask(session.library, task.id, freeFolder(parent, fileStem(task.name)), null, deltaId);
  const bytes = await folderBytes(path);
  const chosen = deltaId ?? session.library.tasks.get(task.id).currentDeltaId ?? '';
  const { id: exportId } = recordExport(session.library, { taskId: task.id, taskName: task.name, deltaId: chosen, model: null, path, bytes });
  context.events.libraryChanged();
  return { displayPath: path, bytes, exportId };
}

export async function unpackTaskFrom(context: StudioContext, { folder, name }: ParsedInput<'task.unpack'>): Promise<TaskCard> {
  const { session, events } = context;
  if (name !== undefined) await session.removals.finishNamed('task', name);
  const { task } = await unpackTask(session.library, context.grants.pathOf(folder), name);
  events.libraryChanged();
  return taskCard(session, task);
}

/** A name that every file system takes: no separators, no reserved characters, not hidden. */
export function fileStem(name: string): string {
  const safe = name
    .replace(/[/\\:*?"<>|\p{Cc}]+/gu, '-')
    .replace(/^[.\s]+|[.\s]+$/gu, '')
    .slice(0, 80);
  return safe === '' ? 'task' : safe;
}

function freeFolder(parent: string, stem: string): string {
  for (let number = 1; ; number++) {
    const path = join(parent, `${stem}-task${number === 1 ? '' : `-${String(number)}`}`);
    if (!existsSync(path)) return path;
  }
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}
