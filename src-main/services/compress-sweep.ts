/** @file Use-case: the results of a sweep made smaller, within a tolerance or for a size; what was made before is not made again. */
import { budgetOfSmaller, bytesOfBudget, type SizeBudget } from '../contract/budget.ts';
import type { CompressProgress } from '../contract/compression.ts';
import type { DeltaRecord } from '../contract/records.ts';
import type { SweepEntry } from '../contract/sweep.ts';
import type { MethodId } from '../contract/training.ts';
import { fullCopyBytes } from './compare-tasks.ts';
import { compressTask } from './compress-task.ts';
import type { Library } from './open-library.ts';
import { workOff, type Measured } from './work-off.ts';

export interface CompressSweepOptions {
  /** Points of validation accuracy each may lose, 0..100. */
  tolerance: number;
  /** Size that each is to hold, whatever its run was asked for. */
  budget?: SizeBudget | undefined;
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

/** Results that a tolerance makes smaller; a size is for fixed layers too, so that all are compared at the same bytes. */
const METHODS: readonly MethodId[] = ['taps', 'full-fine-tuning'];
const METHODS_FOR_SIZE: readonly MethodId[] = [...METHODS, 'fixed-layers'];

/**
 * Levels of a path are left as they are: each would take as long as a run of its own. With a size, what holds it already is left too.
 * What is there afterwards: `compressedOf`.
 * @throws TapsError `cancelled` (what is done is kept, call again to go on), and as `compressTask`
 */
export async function compressSweep(library: Library, sweepId: string, options: CompressSweepOptions): Promise<void> {
  const { tolerance, parallel = 1, onResult, onProgress, signal } = options;
  const open = library.sweeps.get(sweepId).entries.flatMap((entry) => {
    const id = entry.runId === null ? null : library.deltas.idOfRun(entry.runId);
    const budget = options.budget ?? budgetOfSmaller(entry.config.budget);
    return id === null || !isWanted(library, entry, id, options.budget) || isThere(library, entry.taskId, id, budget) ? [] : [{ id, entry, budget }];
  });
  const work = async ({ id, entry: { taskId, setting, config }, budget }: (typeof open)[number], measured: Measured): Promise<void> => {
    onResult?.(library.tasks.get(taskId).name, setting, config.seed);
    const onMemory = (residentBytes: number): void => {
      measured.largest = Math.max(measured.largest, residentBytes);
    };
    await compressTask(library, { task: taskId, method: null, deltaId: id, encoding: 'auto', tolerance, budget, engine: config.engine, threads: config.threads, onProgress, onMemory, signal });
  };
  await workOff(open, parallel, work, signal);
}

function isWanted(library: Library, { taskId, config }: SweepEntry, deltaId: string, size: SizeBudget | undefined): boolean {
  if (config.path !== undefined) return false;
  if (size === undefined) return METHODS.includes(config.method);
  return METHODS_FOR_SIZE.includes(config.method) && library.deltas.get(deltaId).blob.bytes > bytesAllowed(library, taskId, size);
}

/** Whether a result was made smaller in the same way before. */
function isThere(library: Library, taskId: string, deltaId: string, size: SizeBudget | undefined): boolean {
  const most = size === undefined ? undefined : bytesAllowed(library, taskId, size);
  return library.deltas.list(taskId).some(({ derivedFrom, compression }) => derivedFrom === deltaId && compression?.mostBytes === most);
}

function bytesAllowed(library: Library, taskId: string, size: SizeBudget): number {
  const task = library.tasks.get(taskId);
  return bytesOfBudget(size, fullCopyBytes(library.bases.get(task.baseId), task.classNames.length));
}
