/** @file All adaptation methods. A new one is a folder and a line here. */
import type { MethodId } from '../contract/training.ts';
import { fullFineTuning } from './full-fine-tuning/method.ts';
import { linearProbe } from './linear-probe/method.ts';
import type { Method } from './method.ts';
import { normHead } from './norm-head/method.ts';
import { taps } from './taps/method.ts';

export const METHOD_REGISTRY: Record<MethodId, Method> = {
  taps,
  'full-fine-tuning': fullFineTuning,
  'linear-probe': linearProbe,
  'norm-head': normHead,
};
