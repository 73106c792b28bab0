/** @file Use-case: many independent runs as one job. Finished ones are never repeated; stopped ones go on from their checkpoints. */
import { envelopeOf, TapsError } from '../contract/errors.ts';
import type { RunRecord } from '../contract/records.ts';
import type { SweepEntryRecord, SweepRecord } from '../contract/sweep.ts';
import type { TrainerEvent } from '../contract/trainer-protocol.ts';
import type { Library } from './open-library.ts';
import type { TrainControl } from './train-control.ts';
import { canResume, trainTask } from './train-task.ts';
import { workOff, type Measured } from './work-off.ts';

export interface SweepProgress {
  /** Entries with a result, of all. */
  done: number;
  failed: number;
  total: number;
}

export interface RunSweepOptions {
  /** Trainers at a time, 1 or 2; a second one starts only while memory allows. Default 1: a run uses all cores by itself. */
  parallel?: number | undefined;
  /** For pausing what an entry does; asked for before the entry begins. */
  controlOf?: ((entry: SweepEntryRecord) => TrainControl) | undefined;
  onProgress?: ((progress: SweepProgress) => void) | undefined;
  onEntry?: ((entry: SweepEntryRecord, taskName: string) => void) | undefined;
  /** As soon as the entry has a run; one that is gone on with has it at once. */
  onRun?: ((entry: SweepEntryRecord, run: RunRecord) => void) | undefined;
  onEvent?: ((entry: SweepEntryRecord, event: TrainerEvent) => void) | undefined;
  /** The entry's run has ended. @param error why it has no result; null after success */
  onEnd?: ((entry: SweepEntryRecord, error: unknown) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Failures after which no further run can succeed either. */
const FATAL: readonly string[] = ['cancelled', 'disk-full', 'io-failed', 'library-damaged', 'library-locked', 'engine-unavailable'];

/**
 * Works off what a sweep still lacks. A run that fails is recorded and the next one starts; calling again tries it anew.
 * @returns the sweep as it is at the end
 * @throws TapsError `cancelled` (everything finished is kept, call again to go on), and what makes going on useless: `disk-full`, …
 */
export async function runSweep(library: Library, sweepId: string, options: RunSweepOptions = {}): Promise<SweepRecord> {
  const { place, entries } = library.sweeps.get(sweepId);
  if (place !== null) throw new TapsError('usage', `The sweep ${sweepId} is on Slurm.`, `Go on with it there: taps sweep --resume ${sweepId}, or take it back: taps sweep --resume ${sweepId} --on here.`);
  const open = entries.filter((entry) => !isDone(library, entry));
  options.onProgress?.(progressOf(library, sweepId));
  await workOff(
    open,
    options.parallel ?? 1,
    async (entry, measured) => {
      await runEntry(library, sweepId, entry, options, measured);
      options.onProgress?.(progressOf(library, sweepId));
    },
    options.signal,
  );
  return library.sweeps.get(sweepId);
}

async function runEntry(library: Library, sweepId: string, entry: SweepEntryRecord, options: RunSweepOptions, measured: Measured): Promise<void> {
  if (options.signal?.aborted === true) throw new TapsError('cancelled', 'The sweep was stopped.', 'Start it again to go on with what is left.');
  const task = library.tasks.get(entry.taskId);
  options.onEntry?.(entry, task.name);
  const earlier = entry.runId === null ? undefined : library.runs.get(entry.runId);
  try {
    await trainTask(library, {
      task: task.id,
      config: entry.config,
      resume: earlier !== undefined && canResume(earlier) ? earlier : undefined,
      control: options.controlOf?.(entry),
      // Recorded before anything is learnt: whatever ends this process, the run is found again.
      onRun: (run) => {
        library.sweeps.update(sweepId, entry.position, { runId: run.id, failure: null });
        options.onRun?.(entry, run);
      },
      onEvent: (event) => {
        if (event.kind === 'heartbeat') measured.largest = Math.max(measured.largest, event.residentBytes);
        options.onEvent?.(entry, event);
      },
      signal: options.signal,
    });
    options.onEnd?.(entry, null);
  } catch (error) {
    options.onEnd?.(entry, error);
    const { code, message, advice } = envelopeOf(error);
    if (FATAL.includes(code)) throw error;
    const { runId } = library.sweeps.get(sweepId).entries[entry.position] ?? entry;
    library.sweeps.update(sweepId, entry.position, { runId, failure: `${message} ${advice}`.trim() });
  }
}

function isDone(library: Library, { runId }: SweepEntryRecord): boolean {
  return runId !== null && library.runs.head(runId).status === 'done';
}

/** How far a sweep is. */
export function progressOf(library: Library, sweepId: string): SweepProgress {
  const { entries } = library.sweeps.get(sweepId);
  return { done: entries.filter((entry) => isDone(library, entry)).length, failed: entries.filter(({ failure }) => failure !== null).length, total: entries.length };
}

/**
 * The newest sweep with something left to do.
 * @throws TapsError `not-found`
 */
export function findUnfinishedSweep(library: Library): SweepRecord {
  const sweep = library.sweeps.list().find(({ entries }) => entries.some((entry) => !isDone(library, entry)));
  if (sweep === undefined) throw new TapsError('not-found', 'Every sweep in the library is finished.', 'Start one: taps sweep <task…> --methods … --seeds 0,1,2.');
  return sweep;
}
