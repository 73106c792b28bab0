/** @file The library as the use-cases and their callers see it. */
import { openLibrary, type Library } from '../library/library.ts';

export type { Library } from '../library/library.ts';
export type { DeltaFigures } from '../library/deltas.ts';
export type { TaskPage, TaskQuery, TaskSummary } from '../library/task-pages.ts';
export { openLibrary };

/** Opens for reading where nothing is written, works while another process is training. */
export function openLibraryForReading(folder: string): Library {
  return openLibrary(folder, { readOnly: true });
}

/** Progress of work that is counted. */
export type CountProgress = (done: number, total: number) => void;
