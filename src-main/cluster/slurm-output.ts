/** @file What Slurm's commands print → what has become of jobs. Pure. */

/** A job of an array as Slurm knows it. */
export interface SlurmJob {
  /** Of the array. */
  jobId: number;
  index: number;
  /** Slurm's word, such as PENDING, RUNNING, TIMEOUT; in capitals, without additions. */
  state: string;
  /** Slurm's word for why; empty where there is none. */
  reason: string;
  /** Code and signal with which it ended; null before that. */
  exit: { code: number; signal: number } | null;
}

/** Of `squeue`: array job, index, state, reason, name. */
export const QUEUE_FORMAT = '%F|%K|%T|%r|%j';

/** Job ids of `sbatch --parsable`: `123` or `123;cluster`; null when there is none. */
export function parseSubmitted(text: string): number | null {
  const match = /^(\d+)(?:;\S+)?\s*$/mu.exec(text);
  return match === null ? null : Number(match[1]);
}

/** Of `squeue --noheader --array --format QUEUE_FORMAT`. Lines of other kinds are passed over. */
export function parseQueue(text: string): (SlurmJob & { name: string })[] {
  return text.split('\n').flatMap((line) => {
    const [jobId, index, state, reason, name] = line.trim().split('|');
    if (jobId === undefined || index === undefined || state === undefined || !/^\d+$/u.test(jobId)) return [];
    // A job of a pending array that was not split yet has a range in place of its index, in spite of --array in old versions.
    return expandIndices(index).map((each) => ({ jobId: Number(jobId), index: each, state: wordOf(state), reason: reasonOf(reason), exit: null, name: name ?? '' }));
  });
}

/** Of `scontrol --oneliner show job <array>`: what ended a few minutes ago is still there. */
export function parseJobs(text: string): SlurmJob[] {
  return text.split('\n').flatMap((line) => {
    const field = (name: string): string | undefined => new RegExp(`(?:^| )${name}=(\\S*)`, 'u').exec(line)?.[1];
    const [jobId, index, state] = [field('ArrayJobId'), field('ArrayTaskId'), field('JobState')];
    if (jobId === undefined || index === undefined || state === undefined) return [];
    return expandIndices(index).map((each) => ({ jobId: Number(jobId), index: each, state: wordOf(state), reason: reasonOf(field('Reason')), exit: exitOf(field('ExitCode'), state) }));
  });
}

/** Of `sacct`: job, state, exit code; where accounting is switched on, also what ended long ago. */
export const ACCOUNTING_FORMAT = 'JobID,State,ExitCode';

export function parseAccounting(text: string): SlurmJob[] {
  return text.split('\n').flatMap((line) => {
    const [job, state, exit] = line.trim().split('|');
    const match = /^(\d+)_(\[[^\]]+\]|\d+)$/u.exec(job ?? '');
    if (match === null || state === undefined) return [];
    return expandIndices((match[2] ?? '').replaceAll(/[[\]]/gu, '')).map((index) => ({ jobId: Number(match[1]), index, state: wordOf(state), reason: '', exit: exitOf(exit, state) }));
  });
}

/** `3`, `0-4`, `1,3-5%2` → indices. Empty for anything else. */
export function expandIndices(text: string): number[] {
  const plain = text.replace(/%\d+$/u, '');
  if (!/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/u.test(plain)) return [];
  return plain.split(',').flatMap((part) => {
    const [from, to] = part.split('-').map(Number);
    const first = from ?? 0;
    return Array.from({ length: Math.min(1_000_000, (to ?? first) - first + 1) }, (_, step) => first + step);
  });
}

/** Such as `CANCELLED by 1000` or `COMPLETING+`. */
function wordOf(state: string): string {
  return /^[A-Z_]+/u.exec(state.trim())?.[0] ?? '';
}

function reasonOf(text: string | undefined): string {
  return text === undefined || text === 'None' || text === '(null)' ? '' : text.replaceAll('_', ' ');
}

/** Waiting and running jobs have an exit code of zeros as well. */
function exitOf(text: string | undefined, state: string): SlurmJob['exit'] {
  const match = /^(\d+):(\d+)$/u.exec(text ?? '');
  return match === null || isGoing(wordOf(state)) ? null : { code: Number(match[1]), signal: Number(match[2]) };
}

const WAITING = ['PENDING', 'CONFIGURING', 'REQUEUED', 'REQUEUE_HOLD', 'REQUEUE_FED', 'RESV_DEL_HOLD', 'SPECIAL_EXIT'];
const RUNNING = ['RUNNING', 'COMPLETING', 'SUSPENDED', 'STOPPED', 'SIGNALING', 'STAGE_OUT', 'RESIZING'];

export function isWaiting(state: string): boolean {
  return WAITING.includes(state);
}

/** Waiting, or on a node. */
export function isGoing(state: string): boolean {
  return WAITING.includes(state) || RUNNING.includes(state);
}
