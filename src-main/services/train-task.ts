/** @file Use-case: learn a task. Prepares the pictures, runs the trainer child, stores what it learnt. */
import { existsSync, readdirSync } from 'node:fs';
import { budgetOfSmaller } from '../contract/budget.ts';
import { DEFAULT_TOLERANCE } from '../contract/compression.ts';
import { TapsError, envelopeOf, type ErrorEnvelope } from '../contract/errors.ts';
import type { QuarantinedImage } from '../contract/dataset.ts';
import type { BaseRecord, DeltaRecord, RunRecord, TaskRecord } from '../contract/records.ts';
import type { TrainerEvent } from '../contract/trainer-protocol.ts';
import type { MethodId, TrainConfig, TrainResult } from '../contract/training.ts';
import type { NewDelta } from '../library/deltas.ts';
import { requireSpace } from '../platform/require-space.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';
import { compressTask } from './compress-task.ts';
import type { CountProgress, Library } from './open-library.ts';
import { prepareDataset } from './prepare-images.ts';
import type { TrainControl } from './train-control.ts';

export interface TrainTaskOptions {
  /** Name or id. */
  task: string;
  config: TrainConfig;
  /** Go on with this run instead of starting one; its configuration must equal `config`. */
  resume?: RunRecord | undefined;
  /** Start this run, which was made before; its configuration must equal `config`. */
  queued?: RunRecord | undefined;
  /** The caller makes the smaller form that the configuration asks for, once the run has ended. Default: it is part of the run. */
  smallerLater?: boolean | undefined;
  /** For pausing and for ending early with the best so far. */
  control?: TrainControl | undefined;
  onDecoded?: CountProgress | undefined;
  /** As soon as there is a run record. */
  onRun?: ((run: RunRecord) => unknown) | undefined;
  onEvent?: ((event: TrainerEvent) => void) | undefined;
  /** Stops after the current step with a checkpoint; the run can be resumed. */
  signal?: AbortSignal | undefined;
}

export interface TrainTaskOutcome {
  task: TaskRecord;
  run: RunRecord;
  /** What was learnt. */
  delta: DeltaRecord;
  /** The smaller form of it that `config.encoding` asked for, or why there is none; absent when none was asked for. */
  smaller?: DeltaRecord | ErrorEnvelope;
  result: TrainResult;
  quarantined: QuarantinedImage[];
}

/**
 * A run that exists already ends with a status whatever goes wrong; without one, nothing is recorded before the pictures are decoded.
 * @throws TapsError `cancelled` (the run can be resumed), `non-finite`, `dataset-changed`, `engine-unavailable`, `child-crashed`, …
 */
export async function trainTask(library: Library, options: TrainTaskOptions): Promise<TrainTaskOutcome> {
  const existing = options.resume ?? options.queued;
  if (existing === undefined) return withSmallerForm(library, options, await learn(library, options, await prepareRun(library, options, undefined), undefined));
  try {
    library.runs.setStatus(existing.id, 'running');
    return await withSmallerForm(library, options, await learn(library, options, await prepareRun(library, options, existing), existing));
  } catch (error) {
    if (library.runs.get(existing.id).status === 'running') recordEnd(library, existing.id, error);
    throw error;
  }
}

/** The run is done and stored by now: a smaller form that fails takes nothing back. */
async function withSmallerForm(library: Library, { onDecoded, signal, smallerLater = false }: TrainTaskOptions, outcome: TrainTaskOutcome): Promise<TrainTaskOutcome> {
  const { task, run, delta } = outcome;
  const { encoding, tolerance = DEFAULT_TOLERANCE, engine, threads } = run.config;
  if (encoding === undefined || smallerLater) return outcome;
  try {
    const made = await compressTask(library, { task: task.id, method: null, deltaId: delta.id, encoding, tolerance, budget: budgetOfSmaller(run.config.budget), engine, threads, onDecoded, signal });
    return { ...outcome, task: made.task, smaller: made.delta };
  } catch (error) {
    return { ...outcome, smaller: envelopeOf(error) };
  }
}

interface PreparedRun {
  task: TaskRecord;
  base: BaseRecord;
  datasetHash: string;
  preparedFolder: string;
  quarantined: QuarantinedImage[];
}

async function prepareRun(library: Library, options: TrainTaskOptions, existing: RunRecord | undefined): Promise<PreparedRun> {
  const { config, signal } = options;
  const task = library.tasks.get(options.task);
  const { manifest } = library.datasets.get(existing?.datasetId ?? task.datasetId);
  if (manifest.images.length === 0) throw new TapsError('dataset-invalid', `Task ${JSON.stringify(task.name)} came from an adapter folder and has no pictures to learn from.`, 'Add a task with pictures of your own: taps task add.');
  const base = library.bases.list().find(({ id }) => id === task.baseId);
  if (base === undefined) throw new TapsError('library-damaged', `The base of task ${JSON.stringify(task.name)} is missing.`, 'Run taps library verify.');
  const preprocessing = { ...base.preprocessing, imageSize: config.imageSize ?? base.preprocessing.imageSize };
  requireSpace(library.folder, bytesOfRun(base, manifest.images.length, preprocessing.imageSize), `Training ${task.name}`);
  const { folder: preparedFolder, quarantined } = await prepareDataset(library, manifest, preprocessing, { onProgress: options.onDecoded, signal });
  return { task, base, datasetHash: manifest.hash, preparedFolder, quarantined };
}

/** Decoded pictures; two checkpoints (the new one is written beside the old) of weights, momentum and the best so far; the result. */
function bytesOfRun({ weights }: BaseRecord, images: number, side: number): number {
  const decoded = images * 3 * Math.ceil((side * 8) / 7) ** 2;
  return decoded + 2 * 3 * weights.bytes + weights.bytes;
}

async function learn(library: Library, options: TrainTaskOptions, { task, base, datasetHash, preparedFolder, quarantined }: PreparedRun, existing: RunRecord | undefined): Promise<TrainTaskOutcome> {
  const run = existing ?? library.runs.create(task.id, options.config);
  options.onRun?.(run);
  const trainer = new TrainerClient();
  try {
    library.runs.setStatus(run.id, 'running');
    const learning = trainer.train(
      {
        runId: run.id,
        runFolder: run.folder,
        base: library.bases.files(base),
        config: run.config,
        classNames: task.classNames,
        preprocessing: base.preprocessing,
        preparedFolder,
        datasetHash,
        resume: options.resume !== undefined,
      },
      (event) => {
        recordEvent(library, run.id, event);
        options.onEvent?.(event);
      },
      options.signal,
    );
    options.control?.attach(trainer);
    const done = await learning;
    const delta = await library.deltas.commit({ taskId: task.id, runId: run.id, artifact: done.artifactPath, testAccuracy: done.result.test.accuracy, result: done.result, ...levelsOf(done) });
    return { task: library.tasks.get(task.id), run: library.runs.get(run.id), delta, result: done.result, quarantined };
  } catch (error) {
    recordEnd(library, run.id, error);
    throw error;
  } finally {
    options.control?.detach();
    await trainer.stop();
  }
}

/** The levels of a path: the chosen one is the run's result, the others stand beside it. */
function levelsOf({ result, levelPaths = [] }: Extract<TrainerEvent, { kind: 'done' }>): Pick<NewDelta, 'others' | 'pathLevel'> {
  const { levels = [], chosenLevel } = result;
  const others = levels.flatMap(({ level, validation, test }, index) => {
    const artifact = levelPaths[index];
    return artifact === undefined || level === chosenLevel ? [] : [{ artifact, testAccuracy: test.accuracy, validationAccuracy: validation.accuracy, pathLevel: level }];
  });
  return { others, pathLevel: chosenLevel ?? null };
}

function recordEvent(library: Library, runId: string, event: TrainerEvent): void {
  if (event.kind === 'epoch') library.runs.appendMetrics(runId, event.metrics);
  else if (event.kind === 'paused') library.runs.setStatus(runId, 'paused');
  else if (event.kind === 'resumed') library.runs.setStatus(runId, 'running');
}

/** Whether there is something to go on from, or the run never began. */
export function canResume({ status, folder }: Pick<RunRecord, 'status' | 'folder'>): boolean {
  if (status !== 'interrupted' && status !== 'cancelled' && status !== 'failed') return false;
  if (status === 'interrupted') return true;
  return existsSync(folder) && readdirSync(folder).some((file) => file.startsWith('checkpoint-'));
}

function recordEnd(library: Library, runId: string, error: unknown): void {
  const { code, message } = envelopeOf(error);
  if (code === 'cancelled') library.runs.setStatus(runId, 'cancelled');
  else if (code === 'child-crashed') library.runs.setStatus(runId, 'interrupted');
  else library.runs.fail(runId, message);
}

/**
 * The newest run of a task that can be gone on with.
 * @param method of that method only
 * @throws TapsError `not-found` when every run is finished
 */
export function findResumable(library: Library, taskName: string, method: MethodId | null): RunRecord {
  const task = library.tasks.get(taskName);
  const run = library.runs.latestResumable(task.id, method);
  if (run === null) throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has no unfinished run${method === null ? '' : ` of ${method}`}.`, `Start one: taps train ${task.name}.`);
  return run;
}
