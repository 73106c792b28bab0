/** @file The hard projection onto a budget: which layers stay open. */
import { knapsack } from '../core/knapsack.ts';
import { bytesOf, type TaskBytes } from './task-bytes.ts';

/** A budget is used to at least this part where whole layers allow it. */
const LEAST_USE = 0.9;

/**
 * The open layers with the largest sum of scores whose bytes stay within the limit and, where whole layers allow it, use at least nine
 * tenths of it. A score is what the layer's δ gained beyond what its bytes cost (TAPS, section 3: dL/ds = ⟨G, δ⟩ + cost), so the sum
 * is what the choice gains.
 * @param scores in forward order; at or below 0 counts as no gain, null is a layer without a gate, which stays closed
 */
export function chooseGates(scores: readonly (number | null)[], bytes: TaskBytes, limit: number): boolean[] {
  const gates = scores.flatMap((score, layer) => (score === null ? [] : [{ layer, item: { bytes: Math.ceil(bytes.layers[layer] ?? 0), value: Math.max(0, score) } }]));
  const room = Math.max(0, limit - bytes.fixed);
  const least = room === 0 ? 0 : Math.max(0, LEAST_USE * limit - bytes.fixed) / room;
  const chosen = knapsack(gates.map(({ item }) => item), room, least);
  const open = new Set(gates.filter((_, index) => chosen[index] === true).map(({ layer }) => layer));
  return scores.map((_, layer) => open.has(layer));
}

/** A choice for every limit, from the smallest limit to the largest: as `chooseGates`, among what the choice before leaves. */
export function chooseNested(scores: readonly (number | null)[], bytes: TaskBytes, limits: readonly number[]): boolean[][] {
  let open = scores.map(() => false);
  return limits.map((limit) => {
    const rest = { ...bytes, fixed: bytesOf(bytes, open) };
    const added = chooseGates(scores.map((score, layer) => (open[layer] === true ? null : score)), rest, limit);
    open = open.map((already, layer) => already || added[layer] === true);
    return open;
  });
}

/** How two choices differ. */
export function changesBetween(before: readonly boolean[], after: readonly boolean[]): { opened: number; closed: number } {
  const count = (wanted: boolean): number => after.filter((open, layer) => open === wanted && before[layer] !== wanted).length;
  return { opened: count(true), closed: count(false) };
}

