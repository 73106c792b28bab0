/**
 * @file What a job does on its node: reads what it is to do, learns, leaves a package. It opens no library and writes into its own
 * folder only. Two attempts of one job at the same time (a node that was given up and is not dead) do no harm: files appear by rename,
 * and the same run is the same bytes.
 */
import { hostname } from 'node:os';
import { link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { FILES, FOLDERS, packageSchema, pictureSetSchema, type ClusterJob, type ResultPackage } from '../../cluster/folder.ts';
import { DEFAULT_TOLERANCE, type CompressionReport } from '../../contract/compression.ts';
import { envelopeOf, TapsError } from '../../contract/errors.ts';
import type { BaseFiles, TrainerEvent } from '../../contract/trainer-protocol.ts';
import type { TrainResult } from '../../contract/training.ts';
import { writePreparedSet } from '../../data/prepared-set.ts';
import { isErrno } from '../../platform/file-system.ts';
import { sha256OfFile } from '../../platform/hash.ts';
import { storageError } from '../../platform/storage-error.ts';
import { TrainerClient } from '../../supervisor/trainer-client.ts';
import { programVersion } from '../version.ts';
import { ClusterFolder } from './cluster-folder.ts';
import { JobNews } from './job-news.ts';
import { readSealed, writeSealed } from './sealed.ts';

export interface WorkOptions {
  /** Cores that Slurm gave to the job; 0: as many as this process may use. */
  threads: number;
  /** Memory that Slurm gave to the job, in bytes; null: it did not say. */
  memoryBytes: number | null;
  /** Stops after the current step with a checkpoint; its reason becomes what the job says. */
  signal?: AbortSignal | undefined;
  onEvent?: ((event: TrainerEvent) => void) | undefined;
}

/** Of the memory of a job, for the trainer: the rest is this process. */
const TRAINER_SHARE = 0.9;

/**
 * @param index of the job in its array
 * @returns what it was
 * @throws TapsError the run's own failure, after it was written where the owner finds it; `cluster-failed` for a folder that is damaged
 */
export async function workOffJob(folderPath: string, submission: number, index: number, options: WorkOptions): Promise<ClusterJob> {
  const folder = new ClusterFolder(folderPath);
  const sent = (await folder.submissions()).find(({ number }) => number === submission);
  const position = sent?.positions[index];
  if (position === undefined) throw new TapsError('not-found', `There is no job ${String(index)} in submission ${String(submission)} of ${folderPath}.`, 'Jobs are started by Slurm: taps sweep … --on slurm.');
  const news = new JobNews(folder.jobFolder(position), submission);
  try {
    const job = await folder.job(position);
    if (job === null) throw new TapsError('not-found', `The job ${String(position)} in ${folderPath} has no description.`, 'Give the command that sent it again.');
    if (job.program !== programVersion()) throw new TapsError('cluster-failed', `The job was sent by taps ${job.program}, and this node has ${programVersion()}.`, 'Install the same version on both.');
    // Finished by an earlier attempt that Slurm started again.
    if ((await folder.result(position).catch(() => null))?.key === job.key) return job;
    await news.begin();
    await learnAndPack(folder, job, news, options);
    return job;
  } catch (error) {
    const told = options.signal?.aborted === true && options.signal.reason instanceof TapsError && error instanceof TapsError && error.code === 'cancelled' ? options.signal.reason : error;
    await news.fail(envelopeOf(told));
    throw told;
  } finally {
    await news.close();
  }
}

/** What training left, before it is packed: an attempt that is ended in between does not learn again. */
const outcomeSchema = z.object({ key: z.string(), result: z.custom<TrainResult>((value) => typeof value === 'object' && value !== null), artifact: z.string(), levels: z.array(z.string()) });
type Outcome = z.infer<typeof outcomeSchema>;
const OUTCOME = 'outcome.json';

async function learnAndPack(folder: ClusterFolder, job: ClusterJob, news: JobNews, options: WorkOptions): Promise<void> {
  const own = folder.jobFolder(job.position);
  const run = join(own, FOLDERS.run);
  await makeFolder(run);
  const base = baseFiles(folder, job);
  const prepared = join(own, 'prepared');
  await preparePictures(folder, job, prepared);
  const trainer = new TrainerClient(options.memoryBytes === null ? {} : { residentLimitBytes: options.memoryBytes * TRAINER_SHARE });
  try {
    const outcome = (await earlierOutcome(run, job)) ?? (await learn(trainer, job, base, run, prepared, news, options));
    const smaller = await smallerForm(trainer, job, base, join(run, outcome.artifact), run, prepared, options);
    await pack(folder, job, run, outcome, smaller);
  } finally {
    await trainer.stop();
    await rm(prepared, { recursive: true, force: true });
  }
  await rm(run, { recursive: true, force: true });
}

/** Their bytes are compared with the hashes by whoever reads them. */
function baseFiles(folder: ClusterFolder, { base: { baseId, graph, weights } }: ClusterJob): BaseFiles {
  const at = (sha256: string): string => folder.at(FOLDERS.inputs, sha256);
  return { baseId, graphPath: at(graph.sha256), graphSha256: graph.sha256, weightsPath: at(weights.sha256), weightsSha256: weights.sha256 };
}

/** The index of the pictures, where this node has the folder. Every picture is compared with its hash. */
async function preparePictures(folder: ClusterFolder, job: ClusterJob, target: string): Promise<void> {
  const path = folder.at(FOLDERS.pictures, FOLDERS.sets, `${job.pictures}.json`);
  const set = await readSealed(path, 'pictures', pictureSetSchema);
  const again = 'Give the command that sent the job again: what is damaged is written anew.';
  if (set === null) throw new TapsError('cluster-failed', `The list of pictures ${path} is missing.`, again);
  const cache = folder.at(FOLDERS.pictures, set.size);
  for (const { file, sha256 } of set.images) {
    const found = await sha256OfFile(join(cache, file)).catch((error: unknown) => {
      throw new TapsError('cluster-failed', `The decoded picture ${join(cache, file)} cannot be read: ${envelopeOf(error).message}`, again, { cause: error });
    });
    if (found !== sha256) throw new TapsError('cluster-failed', `The decoded picture ${join(cache, file)} has changed since it was written.`, again);
  }
  await makeFolder(target);
  await writePreparedSet(target, { version: 1, cache, images: set.images.map(({ sha256: _sha256, ...image }) => image) });
}

async function learn(trainer: TrainerClient, job: ClusterJob, base: BaseFiles, run: string, prepared: string, news: JobNews, { threads, signal, onEvent }: WorkOptions): Promise<Outcome> {
  const { config, classNames, preprocessing, datasetHash, key } = job;
  const done = await trainer.train(
    { runId: key, runFolder: run, base, config, classNames, preprocessing, preparedFolder: prepared, datasetHash, resume: true, threads },
    (event) => {
      news.take(event);
      onEvent?.(event);
    },
    signal,
  );
  const nameOf = (path: string): string => path.slice(run.length + 1);
  const outcome: Outcome = { key, result: done.result, artifact: nameOf(done.artifactPath), levels: (done.levelPaths ?? []).map(nameOf) };
  await writeSealed(join(run, OUTCOME), 'outcome', outcome);
  return outcome;
}

async function earlierOutcome(run: string, job: ClusterJob): Promise<Outcome | null> {
  const outcome = await readSealed(join(run, OUTCOME), 'outcome', outcomeSchema).catch(() => null);
  return outcome?.key === job.key ? outcome : null;
}

type Smaller = { path: string; report: CompressionReport } | { failure: { code: ReturnType<typeof envelopeOf>['code']; message: string; advice: string } } | null;

/** As after a run here: a smaller form that fails takes nothing back; one that was stopped is made by the next attempt. */
async function smallerForm(trainer: TrainerClient, { config }: ClusterJob, base: BaseFiles, artifactPath: string, run: string, preparedFolder: string, options: WorkOptions): Promise<Smaller> {
  const { encoding, tolerance = DEFAULT_TOLERANCE, engine } = config;
  if (encoding === undefined) return null;
  const outputPath = join(run, 'smaller.safetensors');
  const threads = config.threads === 0 ? options.threads : config.threads;
  try {
    const made = await trainer.compress({ base, artifactPath, outputPath, preparedFolder, encoding, tolerance, engine, threads }, (event) => options.onEvent?.(event), options.signal);
    return { path: made.artifactPath, report: made.report };
  } catch (error) {
    const { code, message, advice } = envelopeOf(error);
    if (code === 'cancelled') throw error;
    return { failure: { code, message, advice } };
  }
}

/** Files first, then the list with their hashes. */
async function pack(folder: ClusterFolder, job: ClusterJob, run: string, { result, artifact, levels }: Outcome, smaller: Smaller): Promise<void> {
  const target = join(folder.jobFolder(job.position), FOLDERS.result);
  await makeFolder(target);
  const place = async (name: string): Promise<{ name: string; sha256: string; bytes: number }> => {
    const path = join(target, name);
    await linkOrMove(join(run, name), path);
    return { name, sha256: await sha256OfFile(path), bytes: (await stat(path)).size };
  };
  const measured = result.levels ?? [];
  const files: ResultPackage['files'] = [];
  if (levels.length === 0) files.push({ ...(await place(artifact)), level: null, testAccuracy: result.test.accuracy, validationAccuracy: result.validation.accuracy });
  for (const [position, name] of levels.entries()) {
    const level = measured[position];
    if (level === undefined) throw new TapsError('internal', `The path has ${String(levels.length)} files and ${String(measured.length)} levels.`, '');
    files.push({ ...(await place(name)), level: level.level, testAccuracy: level.test.accuracy, validationAccuracy: level.validation.accuracy });
  }
  const chosen = levels.length === 0 ? 0 : files.findIndex(({ level }) => level === result.chosenLevel);
  const form = smaller === null || 'failure' in smaller ? smaller : { ...(await place('smaller.safetensors')), report: smaller.report };
  const body = { version: 1, batchId: job.batchId, position: job.position, key: job.key, baseId: job.base.baseId, host: hostname(), result, files, chosen, smaller: form } satisfies ResultPackage;
  await writeSealed(join(target, FILES.result), 'result', packageSchema.parse(body));
}

/** A link keeps the file for another attempt until the package is complete; where there are no links, it is moved. */
async function linkOrMove(from: string, to: string): Promise<void> {
  try {
    await rm(to, { force: true });
    await link(from, to);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw storageError(error, 'find', from);
    await rename(from, to).catch((failure: unknown) => {
      throw storageError(failure, 'move', from);
    });
  }
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw storageError(error, 'make the folder', folder);
  });
}
