/** @file What a task will take, as a function of its open layers: the quantity a budget limits. */
import { TapsError } from '../contract/errors.ts';
import { bytesOfBudget, type SizeBudget, type TaskBytes } from '../contract/budget.ts';

export type { TaskBytes };

/** Sum over the open layers and the fixed part. */
export function bytesOf({ fixed, layers }: TaskBytes, open: readonly boolean[]): number {
  return layers.reduce((sum, bytes, layer) => sum + (open[layer] === true ? bytes : 0), fixed);
}

/**
 * The limit of a budget in bytes.
 * @throws TapsError `invalid-config` when not even a task without open layers fits, with the smallest budget that can be held
 */
export function limitOf(budget: SizeBudget, bytes: TaskBytes): number {
  const limit = bytesOfBudget(budget, bytes.fullCopy);
  if (limit >= bytes.fixed) return limit;
  const asked = budget.kind === 'bytes' ? `${String(limit)} bytes` : `${String(limit)} bytes (${percent(budget.share)} of a full copy)`;
  throw new TapsError(
    'invalid-config',
    `A budget of ${asked} cannot be held: without any open layer the task takes ${String(bytes.fixed)} bytes, for its normalisation, its head and their names.`,
    `Give at least ${String(bytes.fixed)} bytes (${percent(bytes.fixed / bytes.fullCopy)} of a full copy), or learn a linear probe, which leaves normalisation alone.`,
    { details: { limitBytes: limit, leastBytes: bytes.fixed, fullCopyBytes: bytes.fullCopy } },
  );
}

/** Rounded up to hundredths, so that the percentage that is named can be held. */
function percent(fraction: number): string {
  return `${(Math.ceil(fraction * 10_000) / 100).toFixed(2)} %`;
}
