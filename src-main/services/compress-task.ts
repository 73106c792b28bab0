/** @file Use-case: a smaller form of what was learnt. Chosen and evaluated by a trainer child, stored beside the original. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOfBudget, type SizeBudget } from '../contract/budget.ts';
import type { CompressionReport, CompressProgress, Encoding } from '../contract/compression.ts';
import type { QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { DeltaRecord, TaskRecord } from '../contract/records.ts';
import type { MethodId, TrainConfig } from '../contract/training.ts';
import { storageError } from '../platform/storage-error.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';
import { chooseDelta } from './choose-delta.ts';
import { fullCopyBytes } from './compare-tasks.ts';
import type { CountProgress, Library } from './open-library.ts';
import { prepareDataset } from './prepare-images.ts';

export interface CompressTaskOptions {
  /** Name or id. */
  task: string;
  /** null: the task's current result. */
  method: MethodId | null;
  /** This very result, whatever its method. */
  deltaId?: string | null | undefined;
  encoding: Encoding;
  /** Points of validation accuracy, 0..100. */
  tolerance: number;
  /** For `auto`, instead of a tolerance: what the file may take. */
  budget?: SizeBudget | undefined;
  engine: TrainConfig['engine'];
  /** CPU threads, 0 = all cores. */
  threads: number;
  onDecoded?: CountProgress | undefined;
  onProgress?: ((progress: CompressProgress) => void) | undefined;
  /** What the trainer takes, now and then. */
  onMemory?: ((residentBytes: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface CompressTaskOutcome {
  task: TaskRecord;
  /** What it was made from. */
  from: DeltaRecord;
  delta: DeltaRecord;
  report: CompressionReport;
  /** Size of a full copy of the network with the task's head. */
  fullCopyBytes: number;
  quarantined: QuarantinedImage[];
}

/**
 * A result that is a smaller form itself is made anew from what was learnt, as long as that is there.
 * @throws TapsError `not-found`; `dataset-invalid` for an unpacked task without pictures; `dataset-changed`, `cancelled`, `child-crashed`, …
 */
export async function compressTask(library: Library, options: CompressTaskOptions): Promise<CompressTaskOutcome> {
  const { task, base, delta: chosen } = chooseDelta(library, options.task, options.method, options.deltaId ?? null);
  const from = chosen.derivedFrom === null ? chosen : library.deltas.get(chosen.derivedFrom);
  const { preprocessing } = await library.deltas.read(from);
  const datasetId = from.runId === null ? null : library.runs.get(from.runId).datasetId;
  const { manifest } = library.datasets.get(datasetId ?? task.datasetId);
  if (manifest.images.length === 0) {
    throw new TapsError('dataset-invalid', `Task ${JSON.stringify(task.name)} came from elsewhere and has no pictures to choose a form by.`, 'Make it smaller in the library where it was learnt, then pack it again.');
  }
  const { folder: preparedFolder, quarantined } = await prepareDataset(library, manifest, preprocessing, { onProgress: options.onDecoded, signal: options.signal });
  const folder = await workFolder(library);
  const trainer = new TrainerClient();
  try {
    const { artifactPath, report } = await trainer.compress(
      {
        base: library.bases.files(base),
        artifactPath: library.deltas.path(from),
        outputPath: join(folder, 'task.safetensors'),
        preparedFolder,
        encoding: options.encoding,
        tolerance: options.tolerance,
        mostBytes: options.encoding === 'auto' && options.budget !== undefined ? bytesOfBudget(options.budget, fullCopyBytes(base, task.classNames.length)) : undefined,
        engine: options.engine,
        threads: options.threads,
      },
      (event) => {
        if (event.kind === 'compressing') options.onProgress?.(event.progress);
        else if (event.kind === 'heartbeat') options.onMemory?.(event.residentBytes);
      },
      options.signal,
    );
    const delta = await library.deltas.commitDerived(from, artifactPath, report);
    return { task: library.tasks.get(task.id), from, delta, report, fullCopyBytes: fullCopyBytes(base, task.classNames.length), quarantined };
  } finally {
    await trainer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function workFolder(library: Library): Promise<string> {
  try {
    await mkdir(library.cacheFolder, { recursive: true });
    return await mkdtemp(join(library.cacheFolder, 'compress-'));
  } catch (error) {
    throw storageError(error, 'make a folder in', library.cacheFolder);
  }
}
