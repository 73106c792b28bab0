/** @file What a person asks for instead of a penalty: a limit on a task's bytes, or on what it loses against full fine-tuning. */
import { z } from 'zod';

/** What a weight of an open layer will take once it is stored. 32 is float32, as a run writes it; less when it is compressed afterwards. */
const bitsPerWeight = z.number().min(1).max(32).default(32);

/**
 * - `bytes`: the task's file takes at most so many.
 * - `share`: at most this fraction of a full copy of the network with the task's head.
 * - `accuracy`: the smallest task whose validation accuracy is at most `points` percentage points below `reference`, that of a full
 *   fine-tuning of the same task on the same validation pictures, 0..1. Chosen among the levels of a path.
 */
export const budgetSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bytes'), bytes: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER), bitsPerWeight }),
  z.strictObject({ kind: z.literal('share'), share: z.number().positive().max(1), bitsPerWeight }),
  z.strictObject({ kind: z.literal('accuracy'), points: z.number().min(0).max(100), reference: z.number().min(0).max(1) }),
]);
export type Budget = z.infer<typeof budgetSchema>;
export type SizeBudget = Exclude<Budget, { kind: 'accuracy' }>;

/** What a budget allows, bytes. @param fullCopy bytes of a full copy of the network with the task's head */
export function bytesOfBudget(budget: SizeBudget, fullCopy: number): number {
  return budget.kind === 'bytes' ? budget.bytes : Math.floor(budget.share * fullCopy);
}

/**
 * Bits that a weight is counted with where the result is made smaller afterwards and nobody says otherwise: a little more than what
 * forms chosen by themselves take within half a point of validation accuracy (1 bit on a ResNet-50, 1.4 to 2.6 on the embedded base,
 * docs/results).
 */
export const BITS_WHEN_SMALLER = 2;

/** What the smaller form of a run's result may take: a budget that counts fewer bits than a run writes is one for that form. */
export function budgetOfSmaller(budget: Budget | undefined): SizeBudget | undefined {
  return budget === undefined || budget.kind === 'accuracy' || budget.bitsPerWeight === 32 ? undefined : budget;
}

/** What the levels of a path are asked for with; the weakest penalty, which keeps most, comes first. */
export const pathSchema = z.union([
  /** How many: their sizes are spread evenly, on a logarithmic scale, from every layer to none. */
  z.strictObject({ sizes: z.number().int().min(2).max(64) }),
  /** λ of each, rising. */
  z.strictObject({
    lambdas: z
      .array(z.number().positive().max(1000))
      .min(2)
      .max(64)
      .refine((lambdas) => lambdas.every((lambda, level) => level === 0 || lambda > (lambdas[level - 1] ?? 0)), 'must rise from level to level'),
  }),
]);
export type PathPlan = z.infer<typeof pathSchema>;

export function levelsOf(path: PathPlan): number {
  return 'sizes' in path ? path.sizes : path.lambdas.length;
}

/** λ that a level was asked for with; null where it was asked for by its size. @param level from 0 */
export function lambdaOfLevel(path: PathPlan, level: number): number | null {
  return 'sizes' in path ? null : (path.lambdas[level] ?? null);
}

/** What a task will take, by which of its layers are open. */
export interface TaskBytes {
  /** With every layer closed: normalisation, biases, head, names. */
  fixed: number;
  /** What each layer adds when it is open, in forward order: n_l · bits / 8 and its entry in the file. */
  layers: readonly number[];
  /** A full copy of the network with the task's head, 4 bytes per number. */
  fullCopy: number;
}
