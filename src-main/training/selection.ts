/** @file Which epoch's weights are kept. */
import type { EpochMetrics } from '../contract/training.ts';

/** Of a run with a budget: the part of its steps after which the gates are fixed (training/budget-regime). */
export const ADAPTING_SHARE = 1 / 5;

/** Best validation accuracy; ties go to fewer open bytes, then to the lower validation loss, then to the later epoch. */
export function isBetter(candidate: EpochMetrics, best: EpochMetrics | undefined): boolean {
  if (best === undefined) return true;
  if (candidate.validationAccuracy !== best.validationAccuracy) return candidate.validationAccuracy > best.validationAccuracy;
  if (candidate.openBytes !== best.openBytes) return candidate.openBytes < best.openBytes;
  return candidate.validationLoss <= best.validationLoss;
}

/**
 * While gates are still free of the penalty every layer is open, and an early lucky epoch would be kept with all of them. A sparse
 * method therefore chooses among the second half of the epochs after the penalty set in, or of those after a budget's gates were fixed:
 * gates have had time to settle, steps are small, and with few validation pictures an early epoch is best by luck only.
 */
export function isEligible(epoch: number, config: { method: string; warmupEpochs: number; epochs: number; lambda: number; budget?: unknown; path?: unknown }): boolean {
  // What a budget or a path may keep is known by its regime: gates that were fixed, levels that ended.
  if (config.path !== undefined) return true;
  if (config.budget !== undefined) return epoch >= Math.floor(halfway(ADAPTING_SHARE * config.epochs, config.epochs));
  if (config.method !== 'taps' || config.lambda === 0 || config.warmupEpochs >= config.epochs) return true;
  return epoch >= Math.floor(halfway(config.warmupEpochs, config.epochs));
}

function halfway(from: number, to: number): number {
  return from + (to - from) / 2;
}
