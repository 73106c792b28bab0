/** @file Jobs on Slurm on the terminal: a line when a job changes, and how all of them are. */
import type { ClusterJobView, ClusterView } from '../../services/cluster/cluster-folder.ts';
import { countStates } from '../../services/cluster/sweep-cluster.ts';
import { formatPercent } from '../format/units.ts';
import type { Terminal } from './terminal.ts';

const WORDS: Record<ClusterJobView['state'], string> = { unsent: 'not sent', waiting: 'waiting', running: 'running', ending: 'ending', finished: 'finished', failed: 'failed', unknown: 'unknown' };

export function labelOf({ task, setting, seed, position }: Pick<ClusterJobView, 'task' | 'setting' | 'seed' | 'position'>): string {
  return task === '' ? `job ${String(position)}` : `${task} ${setting}, seed ${String(seed)}`;
}

/** Such as `epoch 3/30, validation 81.0 %`; empty before the first step. */
export function progressOfJob({ progress }: Pick<ClusterJobView, 'progress'>): string {
  if (progress === null) return '';
  if (progress.progress === null) return progress.stage;
  const { epoch, epochs, validationAccuracy } = progress.progress;
  return `epoch ${String(epoch + 1)}/${String(epochs)}${validationAccuracy === null ? '' : `, validation ${formatPercent(validationAccuracy)}`}`;
}

/** One line for a job: its state, and what is worth knowing about it. */
export function jobLine(job: ClusterJobView): string {
  const detail = job.state === 'failed' ? (job.failure?.message ?? '') : job.state === 'running' ? progressOfJob(job) : job.state === 'waiting' ? job.reason : '';
  return `${job.slurm ?? '-'}  ${labelOf(job)}: ${WORDS[job.state]}${detail === '' ? '' : ` (${detail})`}`;
}

export class ClusterDisplay {
  readonly #terminal: Terminal;
  readonly #total: number;
  readonly #states = new Map<number, string>();
  #summary = '';
  #trouble = '';

  /** @param total jobs of the sweep, those that are in the library already included */
  constructor(terminal: Terminal, total: number) {
    this.#terminal = terminal;
    this.#total = total;
  }

  look(view: ClusterView): void {
    for (const job of view.jobs) {
      const key = job.state === 'failed' ? `failed ${job.failure?.message ?? ''}` : job.state;
      if (this.#states.get(job.position) === key) continue;
      this.#states.set(job.position, key);
      if (job.state === 'running' || job.state === 'failed') this.#terminal.note(jobLine(job));
    }
    const counts = countStates(view.jobs);
    const parts = (['running', 'waiting', 'ending', 'failed', 'unknown'] as const).flatMap((state) => (counts[state] === undefined ? [] : [`${String(counts[state])} ${WORDS[state]}`]));
    const line = `${String(this.#total - view.jobs.length + (counts.finished ?? 0))} of ${String(this.#total)} finished${parts.length === 0 ? '' : `, ${parts.join(', ')}`}`;
    const [first] = view.jobs.filter(({ state, progress }) => state === 'running' && progress !== null);
    if (this.#terminal.interactive) this.#terminal.live(first === undefined ? line : `${line} · ${labelOf(first)}: ${progressOfJob(first)}`);
    else if (line !== this.#summary) this.#terminal.note(line);
    this.#summary = line;
  }

  trouble(message: string): void {
    if (message !== this.#trouble) this.#terminal.warn(message);
    this.#trouble = message;
  }
}
