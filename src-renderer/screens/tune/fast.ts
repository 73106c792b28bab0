/** @file Whether a run takes the fast settings, and taking them or the published ones. Pure. */
import { FAST_SETTINGS } from '../../../src-main/contract/training-defaults.ts';
import { trainConfigSchema, type TrainConfig } from '../../../src-main/contract/training.ts';

type Settings = Pick<TrainConfig, keyof typeof FAST_SETTINGS>;

/** Whatever the number of epochs is now: a fitted head and a trunk are what makes a run fast. */
export function isFast({ headStart, trunkShare }: Pick<Settings, 'headStart' | 'trunkShare'>): boolean {
  return headStart && trunkShare > 0;
}

/** Changes `config` in place. */
export function setFast(config: TrainConfig, fast: boolean): void {
  const { headStart, trunkShare, epochs, warmupEpochs }: Settings = fast ? FAST_SETTINGS : trainConfigSchema.parse({ method: config.method });
  Object.assign(config, { headStart, trunkShare, epochs, warmupEpochs });
}
