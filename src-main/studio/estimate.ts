/** @file How long a run will take, from what runs on this machine took. Pure but for its input. */
import type { BaseRecord, RunHead } from '../contract/records.ts';
import type { TimeEstimate } from '../contract/studio/images.ts';
import type { TrainConfig } from '../contract/training.ts';
import { PATH_PASSES } from '../core/path-plan.ts';

/** Evaluating a picture costs about a third of learning from it: no backward pass. */
const EVALUATION_COST = 1 / 3;
/** Newest runs count; older ones may be of a slower program. */
const CONSIDERED = 5;

/** A finished run with what its speed depends on. */
export interface PastRun {
  run: Pick<RunHead, 'config' | 'result'>;
  base: BaseRecord;
  trainImages: number;
  validationImages: number;
}

export interface PlannedRun {
  base: BaseRecord;
  config: TrainConfig;
  trainImages: number;
  /** Validation pictures, looked at after every epoch. */
  evaluatedImages: number;
}

/** Pictures that count as learnt from in one epoch. */
const epochWork = (trainImages: number, evaluatedImages: number): number => trainImages + evaluatedImages * EVALUATION_COST;

const imageSizeOf = (base: BaseRecord, config: TrainConfig): number => config.imageSize ?? base.preprocessing.imageSize;

/** @param past newest first; any base, method and size */
export function estimateTime(planned: PlannedRun, past: readonly PastRun[]): TimeEstimate {
  const { base, config } = planned;
  const size = imageSizeOf(base, config);
  const measured = past.flatMap((run) => {
    const secondsPerImage = secondsPerImageOf(run);
    return secondsPerImage === null || run.run.config.engine !== config.engine ? [] : [{ ...run, secondsPerImage }];
  });
  const work = (config.path === undefined ? config.epochs : Math.ceil(PATH_PASSES * config.epochs)) * epochWork(planned.trainImages, planned.evaluatedImages);
  const same = measured.filter((run) => run.base.id === base.id && imageSizeOf(run.base, run.run.config) === size);
  const sameMethod = same.filter(({ run }) => run.config.method === config.method);
  const close = (sameMethod.length > 0 ? sameMethod : same).slice(0, CONSIDERED);
  if (close.length > 0) {
    const basis = `From ${count(close.length)} with ${base.name} at ${String(size)} pixels on this machine${sameMethod.length > 0 ? '' : ', learnt in another way'}.`;
    return { seconds: work * median(close.map(({ secondsPerImage }) => secondsPerImage)), basis };
  }
  const scaled = measured.slice(0, CONSIDERED).map((run) => run.secondsPerImage * costRatio(planned, run));
  if (scaled.length === 0) return { seconds: null, basis: 'Nothing has been learnt with this engine on this machine yet; the first epoch will tell.' };
  const example = measured[0]?.base.name ?? '';
  return { seconds: work * median(scaled), basis: `Scaled from ${count(scaled.length)} with another network or picture size (${example}) by parameters and pixels: rough.` };
}

const count = (runs: number): string => (runs === 1 ? 'one earlier run' : `${String(runs)} earlier runs`);

/** Convolutions cost parameters times pixels. */
function costRatio({ base, config }: PlannedRun, past: PastRun): number {
  const parameters = base.summary.parameters / Math.max(1, past.base.summary.parameters);
  return parameters * (imageSizeOf(base, config) / imageSizeOf(past.base, past.run.config)) ** 2;
}

/** Median over the epochs of a run; null when it tells nothing. */
function secondsPerImageOf({ run, trainImages, validationImages }: PastRun): number | null {
  const work = epochWork(trainImages, validationImages);
  const seconds = run.result?.epochs.map((epoch) => epoch.seconds) ?? [];
  return seconds.length === 0 || work === 0 ? null : median(seconds) / work;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
