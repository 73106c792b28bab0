/** @file Which tasks can be learnt together, and what is asked for, as the main side takes it. Pure. */
import { jointConfigSchema, type JointConfig, type JointVariant } from '../../../src-main/contract/joint.ts';
import type { TrainConfig } from '../../../src-main/contract/training.ts';

/** As it is typed; null: as the tasks'. */
export interface JointChoice {
  variant: JointVariant;
  train: TrainConfig;
  sharedLearningRate: number | null;
  /** Of `two-stage`. */
  sharedEpochs: number | null;
}

/** null when a value is out of its range. What the variant has no use for is left out. */
export function jointConfigOf({ variant, train, sharedLearningRate, sharedEpochs }: JointChoice): JointConfig | null {
  // A first stage that does not move learns nothing.
  if (variant === 'two-stage' && sharedLearningRate === 0) return null;
  const parsed = jointConfigSchema.safeParse({ variant, train, sharedLearningRate, sharedEpochs: variant === 'two-stage' ? sharedEpochs : null });
  return parsed.success ? parsed.data : null;
}

/** In the order of choosing; one that is chosen again is left out. */
export function toggled(chosen: readonly string[], id: string): string[] {
  return chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id];
}
