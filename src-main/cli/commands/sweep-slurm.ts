/** @file `taps sweep` on Slurm: sending, waiting, collecting, cancelling. */
import type { SweepEntry } from '../../contract/sweep.ts';
import { TapsError } from '../../contract/errors.ts';
import type { ClusterView } from '../../services/cluster/cluster-folder.ts';
import type { Collected } from '../../services/cluster/collect.ts';
import { clusterFolderOf, submitSweep } from '../../services/cluster/submit.ts';
import { cancelSweep, collectSweep, findClusterSweep, findSameSweep, takeBack, waitForSweep } from '../../services/cluster/sweep-cluster.ts';
import { openLibrary, openLibraryForReading, type Library } from '../../services/open-library.ts';
import { reportSweep } from '../../services/sweep-report.ts';
import { commandToType, type CommandContext } from '../context.ts';
import { programOf, slurmOptionsOf, type ClusterOptions } from '../options/cluster-options.ts';
import { ClusterDisplay, jobLine } from '../output/cluster-display.ts';
import { countDisplay } from '../output/progress.ts';

/** An unfinished sweep on Slurm with these very runs, so that the same command goes on with it. */
export function sameSweep({ terminal }: CommandContext, library: Library, entries: readonly SweepEntry[]): string | null {
  const same = findSameSweep(library, entries);
  if (same !== null) terminal.note(`Sweep ${same.id} has the same runs and is on Slurm: going on with it`);
  return same?.id ?? null;
}

/**
 * Sends what is to be sent, closes the library, waits.
 * @returns whether the sweep is over: false with --no-wait
 */
export async function sendAndWait(context: CommandContext, library: Library, id: string, options: ClusterOptions): Promise<boolean> {
  const { terminal, signal, libraryFolder } = context;
  const { jobIds, sent, collected, before } = await submitSweep(library, id, {
    ...slurmOptionsOf(options),
    program: options.program !== undefined || options.on === 'slurm' ? programOf(options) : null,
    folder: options.folder,
    onDecoded: countDisplay(terminal, 'Decoding pictures'),
    onUnreadable: (task, images) => {
      for (const { path, reason } of images) terminal.warn(`left out of ${task}: ${path}: ${reason}`);
    },
    signal,
  });
  tellCollected(context, collected);
  const sweep = library.sweeps.get(id);
  const folder = clusterFolderOf(library, sweep).path;
  const going = before.jobs.filter(({ state }) => state === 'waiting' || state === 'running').length;
  if (sent.length > 0) terminal.note(`Sent ${String(sent.length)} jobs to Slurm as ${jobIds.join(', ')}, in ${folder}`);
  if (going > 0) terminal.note(`${String(going)} jobs are with Slurm already`);
  if (!options.wait) {
    terminal.result(sent.length === 0 && going === 0 ? `Nothing is left to send of sweep ${id}` : `Sweep ${id} is on Slurm. Collect with: ${commandToType(context, 'sweep', '--collect', id)}`, { sweep: id, folder, jobIds, sent, going, collected });
    return false;
  }
  const total = sweep.entries.length;
  library.close();
  const display = new ClusterDisplay(terminal, total);
  try {
    await waitForSweep(libraryFolder, id, {
      signal,
      pollMs: pollMs(),
      onLook: (view) => {
        display.look(view);
      },
      onCollected: (now) => {
        tellCollected(context, now);
      },
      onTrouble: ({ message, advice }) => {
        display.trouble(`${message} ${advice}`);
      },
    });
  } catch (error) {
    if (!(error instanceof TapsError) || error.code !== 'cancelled') throw error;
    const command = commandToType(context, 'sweep', '--collect', id);
    throw new TapsError('cancelled', error.message, `Take finished results in with: ${command}; wait again with: ${commandToType(context, 'sweep', '--resume', id)}; cancel the jobs with: ${commandToType(context, 'sweep', '--cancel', id)}`, { cause: error, details: { sweep: id, collectCommand: command } });
  }
  return true;
}

/** Seconds between two looks, for those whose Slurm is quicker or slower than most. */
function pollMs(): number | undefined {
  const seconds = Number(process.env['TAPS_SLURM_POLL_SECONDS'] ?? '');
  return seconds > 0 ? seconds * 1000 : undefined;
}

function tellCollected({ terminal }: CommandContext, { taken, refused }: Collected): void {
  if (taken.length > 0) terminal.note(`Took ${String(taken.length)} ${taken.length === 1 ? 'result' : 'results'} into the library`);
  for (const { error } of refused) terminal.warn(`not taken: ${error.message} ${error.advice}`);
}

/** `--collect`. */
export async function collectOnce(context: CommandContext, wanted: string | true): Promise<void> {
  using library = openLibrary(context.libraryFolder);
  const { id } = wanted === true ? findClusterSweep(library) : library.sweeps.get(wanted);
  const { view, collected } = await collectSweep(library, id);
  tellCollected(context, collected);
  printJobs(context, library, id, view, collected);
}

function printJobs(context: CommandContext, library: Library, id: string, view: ClusterView, collected: Collected): void {
  const taken = new Set(collected.taken);
  const jobs = view.jobs.filter(({ position }) => !taken.has(position));
  const report = reportSweep(library, id);
  if (view.asked !== true) context.terminal.warn(`squeue does not answer: ${view.asked}`);
  const lines = jobs.map(jobLine);
  const open = jobs.some(({ state }) => state === 'failed' || state === 'unsent') ? `\nSend what failed again, and wait: ${commandToType(context, 'sweep', '--resume', id)}` : '';
  context.terminal.result(`${[`Sweep ${id}: ${String(report.done)} of ${String(report.total)} in the library`, ...lines].join('\n')}${open}`, { sweep: id, done: report.done, total: report.total, asked: view.asked === true, jobs, collected });
}

/** `--cancel`. */
export async function cancelOnce({ terminal, libraryFolder }: CommandContext, wanted: string | true): Promise<void> {
  using library = openLibraryForReading(libraryFolder);
  const { id } = wanted === true ? findClusterSweep(library) : library.sweeps.get(wanted);
  const cancelled = await cancelSweep(library, id);
  terminal.result(cancelled === 0 ? `Slurm has no jobs of sweep ${id}` : `Cancelled ${String(cancelled)} jobs of sweep ${id}`, { sweep: id, cancelled });
}

/** `--on here` for a sweep that was sent. */
export async function bringBack({ terminal }: CommandContext, library: Library, id: string): Promise<void> {
  const collected = await takeBack(library, id);
  if (collected.taken.length > 0) terminal.note(`Took ${String(collected.taken.length)} results into the library`);
  terminal.note(`Sweep ${id} is worked off here from now on`);
}
