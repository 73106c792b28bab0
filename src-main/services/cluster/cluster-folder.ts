/** @file The shared folder of a sweep: what lies in it, read afresh each time, and what has become of its jobs. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { batchSchema, epochsSchema, failureSchema, FILES, FOLDERS, jobName, jobSchema, packageSchema, progressSchema, submissionSchema, type Batch, type ClusterJob, type JobProgress, type ResultPackage, type Submission } from '../../cluster/folder.ts';
import { chunks, jobState, type JobState } from '../../cluster/job-state.ts';
import { logOf, numbered } from '../../cluster/script.ts';
import type { SlurmJob } from '../../cluster/slurm-output.ts';
import { TapsError } from '../../contract/errors.ts';
import type { EpochMetrics } from '../../contract/training.ts';
import { isErrno } from '../../platform/file-system.ts';
import { storageError } from '../../platform/storage-error.ts';
import { readNews, readSealed, writeSealed } from './sealed.ts';
import { endedJobs, queuedJobs } from './slurm.ts';

const AT_ONCE = 16;

/** A job as it is seen from here. */
export interface ClusterJobView extends JobState {
  position: number;
  task: string;
  setting: string;
  seed: number;
  /** Such as `12_3`; null for one that was never sent, or whose number is not known. */
  slurm: string | null;
  /** Absolute path of its log, once it was sent. */
  log: string | null;
  /** Of the newest submission; null before it began. */
  progress: JobProgress | null;
}

export interface ClusterView {
  jobs: ClusterJobView[];
  /** Slurm answered; its words when not. */
  asked: true | string;
}

export class ClusterFolder {
  /** Absolute. */
  readonly path: string;
  /** Never changes once it is written. */
  readonly #jobs = new Map<number, ClusterJob>();

  constructor(path: string) {
    this.path = path;
  }

  /** Absolute path of something inside. */
  at(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  jobFolder(position: number): string {
    return this.at(FOLDERS.jobs, jobName(position));
  }

  /** @throws TapsError `disk-full`, `io-failed` */
  async make(): Promise<void> {
    try {
      for (const name of [FOLDERS.jobs, FOLDERS.inputs, FOLDERS.pictures, join(FOLDERS.pictures, FOLDERS.sets), FOLDERS.submissions, FOLDERS.logs]) await mkdir(this.at(name), { recursive: true });
    } catch (error) {
      throw storageError(error, 'make folders in', this.path);
    }
  }

  /** Removes what jobs needed and left; what was sent and what was said stays. What cannot be removed only costs room. */
  async tidy(): Promise<void> {
    this.#jobs.clear();
    for (const name of [FOLDERS.jobs, FOLDERS.inputs, FOLDERS.pictures]) await rm(this.at(name), { recursive: true, force: true }).catch(() => undefined);
  }

  /** null when it is not such a folder. @throws TapsError `cluster-failed`, `io-failed` */
  batch(): Promise<Batch | null> {
    return readSealed(this.at(FILES.batch), 'batch', batchSchema);
  }

  writeBatch(batch: Batch): Promise<void> {
    return writeSealed(this.at(FILES.batch), 'batch', batch);
  }

  /** @throws TapsError `cluster-failed`, `io-failed`; null for one that was never written */
  async job(position: number): Promise<ClusterJob | null> {
    const known = this.#jobs.get(position);
    if (known !== undefined) return known;
    const job = await readSealed(join(this.jobFolder(position), FILES.job), 'job', jobSchema);
    if (job !== null) this.#jobs.set(position, job);
    return job;
  }

  async writeJob(job: ClusterJob): Promise<void> {
    const folder = this.jobFolder(job.position);
    await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw storageError(error, 'make the folder', folder);
    });
    await writeSealed(join(folder, FILES.job), 'job', job);
    this.#jobs.set(job.position, job);
  }

  /** Oldest first. @throws TapsError `cluster-failed` */
  async submissions(): Promise<Submission[]> {
    const names = (await this.#list(FOLDERS.submissions)).filter((name) => /^\d{4,}\.json$/u.test(name)).sort();
    const read = await Promise.all(names.map((name) => readSealed(this.at(FOLDERS.submissions, name), 'submission', submissionSchema)));
    return read.filter((submission) => submission !== null).sort((a, b) => a.number - b.number);
  }

  submissionPath(number: number, extension: 'json' | 'sh'): string {
    return this.at(FOLDERS.submissions, `${numbered(number)}.${extension}`);
  }

  /** The package of a finished job, its words checked, its files not. null when there is none. @throws TapsError `cluster-failed` */
  result(position: number): Promise<ResultPackage | null> {
    return readSealed(join(this.jobFolder(position), FOLDERS.result, FILES.result), 'result', packageSchema);
  }

  /** Epochs that a job has told of so far. */
  async epochs(position: number): Promise<EpochMetrics[]> {
    return (await readNews(join(this.jobFolder(position), FILES.epochs), epochsSchema))?.epochs ?? [];
  }

  /**
   * What has become of the jobs. Slurm is asked first: a job that ends meanwhile is seen with its result.
   * @param positions of all jobs, whether they were written or not
   * @param settled no result is on its way any more
   */
  async look(positions: readonly number[], { settled = false } = {}): Promise<ClusterView> {
    const submissions = await this.submissions();
    const newest = new Map(submissions.flatMap((submission) => submission.positions.map((position, index) => [position, { submission, index }] as const)));
    const queue = await queuedJobs(submissions.map(({ name }) => name));
    const queued = new Map('jobs' in queue ? queue.jobs.map((job) => [`${job.name}/${String(job.index)}`, job]) : []);
    const ended = new Map<number, Promise<SlurmJob[]>>();
    const endedOf = (jobId: number): Promise<SlurmJob[]> => {
      const known = ended.get(jobId) ?? endedJobs(jobId);
      ended.set(jobId, known);
      return known;
    };
    const lookAt = async (position: number): Promise<ClusterJobView> => {
      const sent = newest.get(position);
      const hasResult = await this.#hasResult(position);
      const own = sent === undefined ? undefined : queued.get(`${sent.submission.name}/${String(sent.index)}`);
      const jobId = sent?.submission.jobId ?? own?.jobId ?? null;
      let slurm: SlurmJob | null = own ?? null;
      if (slurm === null && !hasResult && jobId !== null && 'jobs' in queue) slurm = (await endedOf(jobId)).find(({ index }) => index === sent?.index) ?? null;
      return this.#view(position, sent, jobId, slurm, { hasResult, asked: 'jobs' in queue, settled });
    };
    const jobs: ClusterJobView[] = [];
    // Shared file systems answer slowly, but many questions at a time.
    for (const some of chunks(positions, AT_ONCE)) jobs.push(...(await Promise.all(some.map(lookAt))));
    return { jobs, asked: 'words' in queue ? queue.words : true };
  }

  async #view(position: number, sent: { submission: Submission; index: number } | undefined, jobId: number | null, slurm: SlurmJob | null, facts: { hasResult: boolean; asked: boolean; settled: boolean }): Promise<ClusterJobView> {
    const folder = this.jobFolder(position);
    const job = await this.job(position).catch(() => null);
    const failure = await readNews(join(folder, FILES.failure), failureSchema);
    const progress = await readNews(join(folder, FILES.progress), progressSchema);
    const log = sent === undefined ? null : this.at(logOf(sent.submission.number, sent.index));
    const state = jobState({
      ...facts,
      // Slurm was asked what became of the job after its result was looked for.
      hasResult: facts.hasResult || (await this.#hasResult(position)),
      sent: sent === undefined ? null : { submission: sent.submission.number, jobId, index: sent.index },
      slurm,
      failure,
      log: log ?? '',
    });
    return {
      ...state,
      position,
      task: job?.task ?? '',
      setting: job?.setting ?? '',
      seed: job?.config.seed ?? 0,
      slurm: jobId === null || sent === undefined ? null : `${String(jobId)}_${String(sent.index)}`,
      log,
      progress: progress !== null && progress.submission === sent?.submission.number ? progress : null,
    };
  }

  async #hasResult(position: number): Promise<boolean> {
    return (await this.#list(join(FOLDERS.jobs, jobName(position), FOLDERS.result))).includes(FILES.result);
  }

  async #list(folder: string): Promise<string[]> {
    try {
      return await readdir(this.at(folder));
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
      throw storageError(error, 'list the folder', this.at(folder));
    }
  }
}

/** @throws TapsError `run-incompatible` for a folder of another sweep, or none at all */
export async function requireBatch(folder: ClusterFolder, sweepId: string): Promise<Batch> {
  const batch = await folder.batch();
  if (batch === null) throw new TapsError('not-found', `There is no sweep in ${folder.path}.`, 'Check that the shared folder is mounted here.');
  if (batch.sweepId !== sweepId) throw new TapsError('run-incompatible', `${folder.path} holds the sweep ${batch.sweepId} (${batch.title}), not ${sweepId}.`, 'Give another folder with --folder.');
  return batch;
}

