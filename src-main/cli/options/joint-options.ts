/** @file Options of `taps joint`: those of `taps train` that plain TAPS has, and its own. */
import { Command, Option } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import { JOINT_VARIANTS, type JointConfig, type JointVariant } from '../../contract/joint.ts';
import { checkJointConfig } from '../../services/joint-inputs.ts';
import { parseInteger, parseNames, parseNumber } from './parse.ts';
import { addTrainOptions, givenTrainOptions, trainConfigOf } from './train-options.ts';

/** Of `taps train`, with the same words, ranges and defaults. */
const SHARED_FLAGS = new Set(['lambda', 'threshold', 'score-init', 'warmup', 'epochs', 'lr', 'score-lr', 'batch', 'seed', 'image-size', 'optimizer', 'momentum', 'weight-decay', 'augmentation', 'engine', 'threads'].map((flag) => `--${flag}`));

export interface JointOptions extends Record<string, unknown> {
  tasks?: string[];
  variant?: JointVariant;
  sharedLr?: number;
  sharedEpochs?: number;
  resume?: boolean;
  discard?: boolean;
}

export function addJointOptions(command: Command): Command {
  command
    .addOption(new Option('--tasks <names>', 'tasks of one base, with commas between; they take turns in this order').argParser(parseNames))
    .addOption(new Option('--variant <kind>', 'exact: a shared change and gated changes, learnt together; two-stage: a network with a head per task, then TAPS for each from there [default: exact]').choices(JOINT_VARIANTS))
    .addOption(new Option('--shared-lr <rate>', 'learning rate of what all tasks move (0 to 100; 0, exact only, leaves the base as it is) [default: same as --lr]').argParser(parseNumber))
    .addOption(new Option('--shared-epochs <epochs>', 'two-stage: epochs of the first stage (1 to 10000) [default: same as --epochs]').argParser(parseInteger));
  for (const option of addTrainOptions(new Command('train')).options) if (SHARED_FLAGS.has(option.long ?? '')) command.addOption(option);
  return command
    .option('--resume', 'go on with the unfinished joint run of this name, with its own settings')
    .option('--discard', 'give the unfinished joint run of this name up, with its checkpoints');
}

/**
 * @param operators of the base: what is not given follows from its kind (contract/training-defaults)
 * @throws TapsError `invalid-config` naming the option, its value and its range
 */
export function jointConfigOf(options: JointOptions, operators: Readonly<Record<string, number>> = {}): JointConfig {
  const train = trainConfigOf('taps', options, operators);
  const ranges = [['--shared-lr', options.sharedLr, 0, 100], ['--shared-epochs', options.sharedEpochs, 1, 10_000]] as const;
  for (const [flag, value, low, high] of ranges) {
    if (value !== undefined && (value < low || value > high)) throw new TapsError('invalid-config', `${flag} ${String(value)} is not possible (${String(low)} to ${String(high)}).`, 'Choose a value in that range; taps joint --help explains every option.');
  }
  return checkJointConfig({ variant: options.variant ?? 'exact', train, sharedLearningRate: options.sharedLr ?? null, sharedEpochs: options.sharedEpochs ?? null });
}

/**
 * Options beside `--resume` must say what the run says.
 * @param names of the run's tasks
 * @throws TapsError `run-incompatible`
 */
export function requireSameSettings(options: JointOptions, config: JointConfig, names: readonly string[]): void {
  const given: [string, unknown, unknown][] = [
    ['--tasks', options.tasks, names],
    ['--variant', options.variant, config.variant],
    ['--shared-lr', options.sharedLr, config.sharedLearningRate],
    ['--shared-epochs', options.sharedEpochs, config.sharedEpochs],
    ...Object.entries(givenTrainOptions(options)).map(([key, value]): [string, unknown, unknown] => [key, value, config.train[key as keyof typeof config.train]]),
  ];
  for (const [what, wanted, old] of given) {
    if (wanted !== undefined && JSON.stringify(wanted) !== JSON.stringify(old)) {
      throw new TapsError('run-incompatible', `The unfinished joint run has ${what} ${JSON.stringify(old)}, not ${JSON.stringify(wanted)}.`, 'Leave the option out to go on with that run, or discard it to start a new one.');
    }
  }
}
