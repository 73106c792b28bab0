/**
 * @file What a gate multiplies before it is added to something, computed as a choice instead of a product.
 *
 * [Note: Gates as a choice] w = w̄ + 1[s ≥ τ]·δ and v ← m·v + 1[s ≥ τ]·G are sums a + g·x with g either 0 or 1, so they are a + x or a:
 * a pass over memory less. For weights of millions of numbers memory is what such a step waits for.
 */
import { elementCount } from '../../contract/tensors.ts';
import { KERNELS } from '../kernels/names.ts';
import { inputsOf, type TraceCall, type TraceValue } from '../tracing/trace.ts';
import type { Emitter } from './emitter.ts';

/** Elements from which the choice, which costs some microseconds by itself, is the cheaper one. */
const LARGE = 2 ** 16;

/** a + g·x */
export interface GatedSum {
  a: TraceValue;
  gate: TraceValue;
  x: TraceValue;
}

/** The additions among the calls that are such sums over large tensors. */
export function gatedSums(calls: readonly TraceCall[]): Map<TraceCall, GatedSum> {
  const gates = new Set<TraceValue>();
  const products = new Map<TraceValue, { gate: TraceValue; x: TraceValue }>();
  const sums = new Map<TraceCall, GatedSum>();
  for (const call of calls) {
    const [output] = call.outputs;
    if (output === undefined) continue;
    const { a, b } = call.inputs;
    if (call.kernel === KERNELS.gate || (['Slice', 'Reshape'].includes(call.kernel) && inputsOf(call).every((value) => gates.has(value)))) gates.add(output);
    if (a === undefined || b === undefined || elementCount(output.shape) < LARGE) continue;
    if (call.kernel === 'Multiply') {
      const [gate, x] = gates.has(a) ? [a, b] : [b, a];
      if (gates.has(gate) && elementCount(gate.shape) === 1 && isWhole(x, output)) products.set(output, { gate, x });
    } else if (call.kernel === 'Add') {
      const [product, other] = products.has(b) ? [products.get(b), a] : [products.get(a), b];
      if (product !== undefined && isWhole(other, output)) sums.set(call, { a: other, ...product });
    }
  }
  return sums;
}

function isWhole(value: TraceValue, output: TraceValue): boolean {
  return value.shape.length === output.shape.length && value.shape.every((size, axis) => size === output.shape[axis]);
}

/** a + x where the gate is open, else a. */
export function lowerGatedSum(emit: Emitter, a: string, gate: string, x: string, shape: readonly number[]): string {
  return emit.choice(emit.one('Greater', [gate, emit.scalar(0.5)]), { op: 'Add', inputs: [a, x] }, { op: 'Identity', inputs: [a] }, shape);
}
