/** @file Making the result of an ended run smaller, as its settings ask for: the job that follows the run. */
import { budgetOfSmaller } from '../../contract/budget.ts';
import type { CompressProgress } from '../../contract/compression.ts';
import { DEFAULT_TOLERANCE } from '../../contract/compression.ts';
import { envelopeOf, TapsError } from '../../contract/errors.ts';
import { compressTask } from '../../services/compress-task.ts';
import { throttle } from '../throttle.ts';
import { keepFailure } from './failures.ts';
import type { Job, Work } from './jobs.ts';
import type { RunHost } from './run-work.ts';

const VIEW_INTERVAL_MS = 250;

/** Under which its failure is kept. */
export const smallerKey = (runId: string): string => `smaller-${runId}`;

export class SmallerWork implements Work {
  readonly job: Extract<Job, { kind: 'smaller' }>;
  /** The run itself has ended. */
  readonly runs = [];
  readonly #host: RunHost;
  readonly #abort = new AbortController();
  #progress: CompressProgress | null = null;

  constructor(job: Extract<Job, { kind: 'smaller' }>, host: RunHost) {
    this.job = job;
    this.#host = host;
  }

  /** null while pictures are read. */
  get progress(): CompressProgress | null {
    return this.#progress;
  }

  async go(): Promise<void> {
    const { library, events, tell, closing } = this.#host;
    const { id } = this.job;
    const told = throttle(() => {
      tell(id);
    }, VIEW_INTERVAL_MS);
    try {
      const { config, taskId } = library.runs.head(id);
      const deltaId = library.deltas.idOfRun(id);
      const { encoding, tolerance = DEFAULT_TOLERANCE, engine, threads } = config;
      if (deltaId === null || encoding === undefined) throw new TapsError('not-found', 'There is no result to make smaller.', 'Learn the task again.');
      const inUse = library.tasks.get(taskId).currentDeltaId;
      await compressTask(library, {
        task: taskId,
        method: null,
        deltaId,
        encoding,
        tolerance,
        budget: budgetOfSmaller(config.budget),
        engine,
        threads,
        onProgress: (progress) => {
          this.#progress = progress;
          told();
        },
        signal: this.#abort.signal,
      });
      // It takes the place of what it was made from, and of nothing else.
      if (inUse !== null && inUse !== deltaId) library.tasks.setCurrentDelta(taskId, inUse);
      events.libraryChanged();
    } catch (error) {
      // Closing the program is no wish to cancel: the next start says that it is still to be done.
      if (!(closing() && envelopeOf(error).code === 'cancelled')) keepFailure(library, smallerKey(id), error);
    } finally {
      told.cancel();
    }
  }

  stop(): void {
    this.#abort.abort();
  }

  /** Its child hears between two forms; there is nothing that could be gone on with. */
  abandon(): void {
    this.#abort.abort();
  }
}
