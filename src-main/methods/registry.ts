/** @file All adaptation methods. A new one is a folder and a line here. */
import type { MethodId } from '../contract/training.ts';
import { biasHead } from './bias-head/method.ts';
import { fixedLayers } from './fixed-layers/method.ts';
import { fullFineTuning } from './full-fine-tuning/method.ts';
import { linearProbe } from './linear-probe/method.ts';
import { lowRank } from './low-rank/method.ts';
import type { Method } from './method.ts';
import { modulator } from './modulator/method.ts';
import { normHead } from './norm-head/method.ts';
import { piggyback } from './piggyback/method.ts';
import { taps } from './taps/method.ts';

export const METHOD_REGISTRY: Record<MethodId, Method> = {
  taps,
  'full-fine-tuning': fullFineTuning,
  'linear-probe': linearProbe,
  'norm-head': normHead,
  'bias-head': biasHead,
  'fixed-layers': fixedLayers,
  'low-rank': lowRank,
  modulator,
  piggyback,
};
