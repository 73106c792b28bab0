/** @file `taps cluster-job`: what a job does on its node. Started by Slurm, not by people. */
import { Command } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import { workOffJob } from '../../services/cluster/work-off.ts';
import { runCommand } from '../context.ts';
import { parseInteger } from '../options/parse.ts';
import { TrainingDisplay } from '../output/training-display.ts';

const MEGABYTE = 2 ** 20;

export function clusterJobCommand(): Command {
  return new Command('cluster-job')
    .argument('<folder>', 'the shared folder of a sweep')
    .argument('<submission>', 'number of the submission', parseInteger)
    .argument('<index>', 'of the job in its array', parseInteger)
    .description('work off one job of a sweep; started by Slurm')
    .action((folder: string, submission: number, index: number, _options: object, self: Command) =>
      runCommand(self, async ({ terminal, signal }) => {
        const stop = new AbortController();
        // Slurm's warning before the time is over; the script asks for it.
        process.on('SIGUSR2', () => {
          terminal.warn('The time of this job is nearly over: stopping after the current step.');
          stop.abort(new TapsError('cluster-failed', 'The time of the job was nearly over; it stopped with a checkpoint.', 'The same command again goes on from there; --time gives a job more.'));
        });
        signal.addEventListener('abort', () => {
          stop.abort(new TapsError('cancelled', 'The job was told to stop, and left a checkpoint.', 'The same command again goes on from there.'));
        });
        const display = new TrainingDisplay(terminal, `job ${String(index)}`, 0, true);
        const job = await workOffJob(folder, submission, index, {
          threads: Number(process.env['SLURM_CPUS_PER_TASK'] ?? 0),
          memoryBytes: memoryOfJob(process.env),
          signal: stop.signal,
          onEvent: (event) => {
            display.event(event);
          },
        });
        terminal.result(`Finished ${job.task} ${job.setting}, seed ${String(job.config.seed)}`, { position: job.position, key: job.key });
      }),
    );
}

/** What Slurm gave to the job, in bytes; null where it does not limit it. */
function memoryOfJob(env: NodeJS.ProcessEnv): number | null {
  const { SLURM_MEM_PER_NODE: ofNode, SLURM_MEM_PER_CPU: ofCpu, SLURM_CPUS_ON_NODE: cpus = '1' } = env;
  const megabytes = ofNode !== undefined ? Number(ofNode) : ofCpu !== undefined ? Number(ofCpu) * Number(cpus) : 0;
  // 0: all of the node's.
  return megabytes > 0 ? megabytes * MEGABYTE : null;
}
