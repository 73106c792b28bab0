/** @file Use-case: the results of a sweep made smaller, those of full fine-tuning and of TAPS; what was made before is not made again. */
import { budgetOfSmaller } from '../contract/budget.ts';
import type { CompressProgress } from '../contract/compression.ts';
import type { DeltaRecord } from '../contract/records.ts';
import { compressTask } from './compress-task.ts';
import type { Library } from './open-library.ts';
import { workOff, type Measured } from './work-off.ts';

export interface CompressSweepOptions {
  /** Points of validation accuracy each may lose, 0..100. */
  tolerance: number;
  /** Results at a time, 1 or 2; a second one only while memory allows. Default 1. */
  parallel?: number | undefined;
  onResult?: ((taskName: string, setting: string, seed: number) => void) | undefined;
  onProgress?: ((progress: CompressProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** What was made smaller of the sweeps' results so far, in the order of their entries. */
export function compressedOf(library: Library, sweepIds: readonly string[]): DeltaRecord[] {
  return sweepIds.flatMap((id) => library.sweeps.get(id).entries).flatMap(({ taskId, runId }) => {
    const own = new Set(runId === null ? [] : library.deltas.listOfRun(runId).map((delta) => delta.id));
    return library.deltas.list(taskId).filter(({ derivedFrom }) => derivedFrom !== null && own.has(derivedFrom));
  });
}

/**
 * Levels of a path are left as they are: each would take as long as a run of its own.
 * What is there afterwards: `compressedOf`.
 * @throws TapsError `cancelled` (what is done is kept, call again to go on), and as `compressTask`
 */
export async function compressSweep(library: Library, sweepId: string, { tolerance, parallel = 1, onResult, onProgress, signal }: CompressSweepOptions): Promise<void> {
  const open = library.sweeps.get(sweepId).entries.flatMap((entry) => {
    const { taskId, runId, config } = entry;
    const id = runId === null ? null : library.deltas.idOfRun(runId);
    if (id === null || config.path !== undefined || (config.method !== 'taps' && config.method !== 'full-fine-tuning')) return [];
    const forSize = budgetOfSmaller(config.budget) !== undefined;
    const isThere = library.deltas.list(taskId).some(({ derivedFrom, compression }) => derivedFrom === id && (compression?.mostBytes !== undefined) === forSize);
    return isThere ? [] : [{ id, entry }];
  });
  const work = async ({ id, entry: { taskId, setting, config } }: (typeof open)[number], measured: Measured): Promise<void> => {
    onResult?.(library.tasks.get(taskId).name, setting, config.seed);
    const onMemory = (residentBytes: number): void => {
      measured.largest = Math.max(measured.largest, residentBytes);
    };
    await compressTask(library, { task: taskId, method: null, deltaId: id, encoding: 'auto', tolerance, budget: budgetOfSmaller(config.budget), engine: config.engine, threads: config.threads, onProgress, onMemory, signal });
  };
  await workOff(open, parallel, work, signal);
}
