/** @file Learning with its progress on the terminal, for the commands that start a run. */
import type { RunRecord } from '../../contract/records.ts';
import type { TrainConfig } from '../../contract/training.ts';
import type { Library } from '../../services/open-library.ts';
import { trainTask, type TrainTaskOutcome } from '../../services/train-task.ts';
import { commandToType, type CommandContext } from '../context.ts';
import { withResumeHint } from '../options/train-options.ts';
import { countDisplay } from '../output/progress.ts';
import { TrainingDisplay } from '../output/training-display.ts';

export interface LearnOptions {
  task: string;
  config: TrainConfig;
  resume: RunRecord | undefined;
  /** What is learnt, in the lines of progress. */
  label: string;
  /** Words that go on with the run when it is stopped. */
  again: string[];
}

/** @throws TapsError as `trainTask`; with how to go on where there is a run */
export async function learn(context: CommandContext, library: Library, { task, config, resume, label, again }: LearnOptions): Promise<TrainTaskOutcome> {
  const display = new TrainingDisplay(context.terminal, label, config.epochs, config.method === 'taps');
  const started: RunRecord[] = [];
  try {
    return await trainTask(library, {
      task,
      config,
      resume,
      signal: context.signal,
      onDecoded: countDisplay(context.terminal, 'Decoding pictures'),
      onRun: (run) => started.push(run),
      onEvent: (event) => {
        display.event(event);
      },
    });
  } catch (error) {
    throw started.length > 0 ? withResumeHint(error, commandToType(context, ...again)) : error;
  }
}
