/** @file Use-case: the results of a sweep made smaller, those of full fine-tuning and of TAPS; what was made before is not made again. */
import type { CompressProgress } from '../contract/compression.ts';
import type { DeltaRecord } from '../contract/records.ts';
import { compressTask } from './compress-task.ts';
import type { Library } from './open-library.ts';

export interface CompressSweepOptions {
  /** Points of validation accuracy each may lose, 0..100. */
  tolerance: number;
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
export async function compressSweep(library: Library, sweepId: string, { tolerance, onResult, onProgress, signal }: CompressSweepOptions): Promise<void> {
  for (const { taskId, setting, runId, config } of library.sweeps.get(sweepId).entries) {
    const id = runId === null ? null : library.deltas.idOfRun(runId);
    if (id === null || config.path !== undefined || (config.method !== 'taps' && config.method !== 'full-fine-tuning')) continue;
    if (library.deltas.list(taskId).some(({ derivedFrom }) => derivedFrom === id)) continue;
    onResult?.(library.tasks.get(taskId).name, setting, config.seed);
    await compressTask(library, { task: taskId, method: null, deltaId: id, encoding: 'auto', tolerance, engine: config.engine, threads: config.threads, onProgress, signal });
  }
}
