/** @file What has become of a job, from what Slurm says and what lies in its folder; and which jobs are to be sent. Pure. */
import type { ErrorEnvelope } from '../contract/errors.ts';
import type { JobStateName } from '../contract/sweep.ts';
import { isGoing, isWaiting, type SlurmJob } from './slurm-output.ts';

export interface JobFacts {
  /** There is a result. That it is whole is looked at when it is taken in. */
  hasResult: boolean;
  /** The newest submission with this job; null: none. */
  sent: { submission: number; jobId: number | null; index: number } | null;
  /** As Slurm knows that job; null: not at all. */
  slurm: SlurmJob | null;
  /** Slurm answered. */
  asked: boolean;
  /** What the job wrote before it ended by itself, and in which submission. */
  failure: { submission: number; error: ErrorEnvelope } | null;
  /** Enough time has passed for a result to be seen. */
  settled: boolean;
  /** Where the job's last words are. */
  log: string;
}

export interface JobState {
  state: JobStateName;
  /** Of `failed`: why. */
  failure: ErrorEnvelope | null;
  /** Slurm's word for why a job waits; empty where there is none. */
  reason: string;
}

const AGAIN = 'The same command again sends it again; it goes on from its last checkpoint.';

export function jobState({ hasResult, sent, slurm, asked, failure, settled, log }: JobFacts): JobState {
  const plain = (state: JobStateName): JobState => ({ state, failure: null, reason: slurm?.reason ?? '' });
  if (hasResult) return plain('finished');
  if (sent === null) return plain('unsent');
  if (slurm !== null && isGoing(slurm.state)) return plain(isWaiting(slurm.state) ? 'waiting' : 'running');
  // What the job itself said of an earlier submission is old.
  const own = failure !== null && failure.submission === sent.submission ? failure.error : null;
  if (slurm === null && own === null && !asked) return plain('unknown');
  if (slurm?.state === 'COMPLETED' && own === null && !settled) return plain('ending');
  return { state: 'failed', failure: endedBy(slurm, log) ?? own ?? silent(slurm, log), reason: '' };
}

/** What Slurm did to the job; null where the job's own words say more. */
function endedBy(slurm: SlurmJob | null, log: string): ErrorEnvelope | null {
  const because = (code: ErrorEnvelope['code'], message: string, advice: string): ErrorEnvelope => ({ code, message, advice, details: { slurm: slurm?.state ?? null, log } });
  switch (slurm?.state) {
    case 'TIMEOUT':
    case 'DEADLINE':
      return because('cluster-failed', 'Slurm ended the job: its time was over.', `${AGAIN} Give it more with --time.`);
    case 'OUT_OF_MEMORY':
      return because('out-of-memory', 'Slurm ended the job: it used more memory than it had asked for.', 'Give it more with --mem, or use a smaller batch (with --accumulate for the same effective batch) or a smaller image size.');
    case 'CANCELLED':
    case 'REVOKED':
      return because('cancelled', 'The job was cancelled.', AGAIN);
    case 'PREEMPTED':
      return because('cluster-failed', 'The job had to give way to another.', AGAIN);
    case 'NODE_FAIL':
    case 'BOOT_FAIL':
      return because('cluster-failed', 'The node of the job failed.', AGAIN);
    default:
      return null;
  }
}

/** A job that said nothing: it was killed, or never began. */
function silent(slurm: SlurmJob | null, log: string): ErrorEnvelope {
  const details = { slurm: slurm?.state ?? null, log };
  if (slurm !== null && slurm.exit !== null && (slurm.exit.signal !== 0 || slurm.exit.code !== 0)) {
    const how = slurm.exit.signal === 0 ? `with exit code ${String(slurm.exit.code)}` : `by signal ${String(slurm.exit.signal)}`;
    const hint = slurm.exit.signal === 9 || slurm.exit.code === 137 ? ' This is what a node without memory does, too.' : '';
    return { code: 'cluster-failed', message: `The job ended ${how}, without a word.${hint}`, advice: `See ${log}. ${AGAIN}`, details };
  }
  return { code: 'cluster-failed', message: 'The job is gone, without a result.', advice: `See ${log}. ${AGAIN}`, details };
}

/** Jobs that must be sent, in their order: without a result, and not with Slurm. */
export function positionsToSend(jobs: readonly { position: number; state: JobStateName }[]): number[] {
  return jobs.filter(({ state }) => state === 'unsent' || state === 'failed').map(({ position }) => position);
}

/** Nothing more will happen by itself. */
export function isOver(state: JobStateName): boolean {
  return state === 'finished' || state === 'failed' || state === 'unsent';
}

/** So many per array at most, as this Slurm allows. */
export function chunks<Value>(values: readonly Value[], size: number): Value[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, chunk) => values.slice(chunk * size, (chunk + 1) * size));
}
