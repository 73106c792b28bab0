/** @file What becomes of a run's result after it has ended, as the window shows it. Follows from what is stored: a killed program leaves nothing to put right. */
import { DEFAULT_TOLERANCE } from '../../contract/compression.ts';
import type { RunHead } from '../../contract/records.ts';
import type { SmallerView } from '../../contract/studio/runs.ts';
import type { Library } from '../../services/open-library.ts';
import { failureKept } from './failures.ts';
import type { JobQueue } from './job-queue.ts';
import { smallerKey, SmallerWork } from './smaller-work.ts';

/** null when the run does not ask for it. @param status as the queue knows it */
export function smallerView(library: Library, { id, config }: Pick<RunHead, 'id' | 'config'>, status: RunHead['status'], jobs: JobQueue): SmallerView | null {
  const { encoding, tolerance = DEFAULT_TOLERANCE } = config;
  if (encoding === undefined) return null;
  const asked = { encoding, tolerance, progress: null, made: null, failure: null };
  if (status !== 'done') return { ...asked, state: 'later' };
  const { current } = jobs;
  if (current instanceof SmallerWork && current.job.id === id) return { ...asked, state: 'going', progress: current.progress };
  if (jobs.has('smaller', id)) return { ...asked, state: 'waiting' };
  const made = library.deltas.derivedOfRun(id).findLast(({ compression }) => compression?.encoding === encoding && compression.tolerance === tolerance);
  if (made !== undefined && made.compression !== null) {
    const { bytesBefore, validationBefore, validationAfter } = made.compression;
    return { ...asked, state: 'done', made: { deltaId: made.id, bytesBefore, bytes: made.blob.bytes, validationBefore: validationBefore.accuracy, validationAfter: validationAfter.accuracy } };
  }
  const failure = failureKept(library, smallerKey(id));
  return { ...asked, state: failure === null ? 'open' : failure.code === 'cancelled' ? 'cancelled' : 'failed', failure };
}
