/** @file Slurm's own commands: what is asked, what is answered, what went wrong in Slurm's words. */
import { execFile } from 'node:child_process';
import { TapsError } from '../../contract/errors.ts';
import { ACCOUNTING_FORMAT, parseAccounting, parseJobs, parseQueue, parseSubmitted, QUEUE_FORMAT, type SlurmJob } from '../../cluster/slurm-output.ts';

/** A controller that does not answer is asked again by Slurm's commands themselves. */
const TIMEOUT_MS = 60_000;
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;
const QUOTED_CHARACTERS = 600;
/** What Slurm allows where it does not say. */
const USUAL_ARRAY_SIZE = 1000;

interface Answer {
  code: number | string | null;
  out: string;
  err: string;
}

function ask(command: string, args: readonly string[], cwd?: string): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(command, [...args], { ...(cwd === undefined ? {} : { cwd }), timeout: TIMEOUT_MS, maxBuffer: MOST_OUTPUT_BYTES, encoding: 'utf8' }, (error, out, err) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? 1), out, err });
    });
  });
}

/** What a command said of its refusal, as it said it. */
function wordsOf({ err, out }: Answer): string {
  const lines = (err.trim() === '' ? out : err).split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return lines.slice(-4).join(' / ').slice(0, QUOTED_CHARACTERS);
}

function failed(command: string, answer: Answer, advice: string): TapsError {
  if (answer.code === 'ENOENT') return new TapsError('cluster-failed', `There is no ${command} on this machine.`, 'Give the command where Slurm is, such as on the login node of the cluster; without Slurm leave --on slurm out.', { details: { command } });
  const words = wordsOf(answer);
  return new TapsError('cluster-failed', `${command} refused: ${words === '' ? `it ended with ${String(answer.code)}` : JSON.stringify(words)}.`, advice, { details: { command, code: answer.code, words } });
}

/** @throws TapsError `cluster-failed` when there is no sbatch; before anything is prepared */
export async function requireSlurm(): Promise<void> {
  const answer = await ask('sbatch', ['--version']);
  if (answer.code !== 0) throw failed('sbatch', answer, 'See whether Slurm works here: sinfo.');
}

/**
 * Submits a script.
 * @param directives that must hold whatever the environment says
 * @param folder the jobs' working folder
 * @returns the id of the array
 * @throws TapsError `cluster-failed` with Slurm's words
 */
export async function submitScript(script: string, directives: readonly string[], folder: string): Promise<number> {
  const answer = await ask('sbatch', ['--parsable', ...directives, script], folder);
  if (answer.code !== 0) throw failed('sbatch', answer, 'Change the options that it names (sinfo shows partitions and limits). Nothing was submitted.');
  const jobId = parseSubmitted(answer.out);
  if (jobId === null) throw new TapsError('cluster-failed', `sbatch answered ${JSON.stringify(answer.out.trim().slice(0, QUOTED_CHARACTERS))} in place of a job's number.`, 'Look at squeue; give the same command again.');
  return jobId;
}

/** Jobs of these names that wait or run; null when Slurm does not answer, with its words. */
export async function queuedJobs(names: readonly string[]): Promise<{ jobs: (SlurmJob & { name: string })[] } | { words: string }> {
  if (names.length === 0) return { jobs: [] };
  const answer = await ask('squeue', ['--noheader', '--array', `--format=${QUEUE_FORMAT}`, `--name=${names.join(',')}`]);
  if (answer.code === 0) return { jobs: parseQueue(answer.out) };
  return { words: answer.code === 'ENOENT' ? 'there is no squeue on this machine' : wordsOf(answer) };
}

/** What has become of an array that is not in the queue any more, as far as Slurm still knows. Never fails. */
export async function endedJobs(jobId: number): Promise<SlurmJob[]> {
  const recent = await ask('scontrol', ['--oneliner', 'show', 'job', String(jobId)]);
  const jobs = recent.code === 0 ? parseJobs(recent.out) : [];
  // Forgotten after some minutes; where accounting is switched on, it is remembered there.
  const past = await ask('sacct', ['--noheader', '--parsable2', '--allocations', `--format=${ACCOUNTING_FORMAT}`, '--jobs', String(jobId)]);
  const known = new Set(jobs.map(({ index }) => index));
  return [...jobs, ...(past.code === 0 ? parseAccounting(past.out).filter(({ index }) => !known.has(index)) : [])];
}

/** Indices of an array must stay below this. */
export async function mostJobsPerArray(): Promise<number> {
  const answer = await ask('scontrol', ['show', 'config']);
  const size = Number(/^MaxArraySize\s*=\s*(\d+)/mu.exec(answer.out)?.[1]);
  return Number.isSafeInteger(size) && size > 0 ? size : USUAL_ARRAY_SIZE;
}

/** @param jobs such as `12_3`, or `12` for a whole array @throws TapsError `cluster-failed` with Slurm's words */
export async function cancelJobs(jobs: readonly string[]): Promise<void> {
  if (jobs.length === 0) return;
  const answer = await ask('scancel', ['--quiet', ...jobs]);
  if (answer.code !== 0) throw failed('scancel', answer, 'See squeue; jobs that have ended need no cancelling.');
}
