/** @file Settings that suit a kind of network, where a person has not chosen. */
import type { TrainConfig } from './training.ts';

/** Step size that AdamW is commonly started with when a pretrained transformer is fine-tuned. */
const ADAMW_LEARNING_RATE = 5e-4;

/** Marks of transformers and ConvNeXt: normalisation by layer, which exporters often take apart, and GELU, of which Erf is the core. */
const MARKS = ['LayerNormalization', 'Gelu', 'Erf'] as const;

/**
 * Transformers and ConvNeXt are trained with AdamW, as they were pretrained: plain SGD hardly moves attention
 * (Zhang et al., NeurIPS 2020, arXiv 1912.03194). All others keep the published SGD.
 * @param operators operator → count of the base
 */
export function defaultsForBase(operators: Readonly<Record<string, number>>): Partial<Pick<TrainConfig, 'optimizer' | 'learningRate' | 'scoreLearningRate' | 'weightDecay'>> {
  const marks = MARKS.reduce((sum, name) => sum + (operators[name] ?? 0), 0);
  return marks > (operators['BatchNormalization'] ?? 0) ? { optimizer: 'adamw', learningRate: ADAMW_LEARNING_RATE } : {};
}

type PaceSettings = Pick<TrainConfig, 'headStart' | 'trunkShare' | 'epochs' | 'warmupEpochs'>;

/**
 * About a third of the published settings' time (docs/training.md has what they bring and cost): a head that is fitted before the first
 * step, the lowest part of the network left alone, and so fewer epochs.
 */
export const FAST_SETTINGS: PaceSettings = { headStart: true, trunkShare: 0.4, epochs: 10, warmupEpochs: 1 };
