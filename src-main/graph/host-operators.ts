/** @file Shape arithmetic: operators on values that are known before anything runs. Integers and small constants only. */
import { TapsError } from '../contract/errors.ts';
import { elementCount, type HostTensor } from '../contract/tensors.ts';
import { allPositions, axisOf, boundedCount, broadcastShape, hostOf, MAX_HOST_ELEMENTS, numbersOf, pick, spread, TooLargeForHost } from './host-values.ts';
import { dtypeOf } from './onnx/tensor.ts';
import type { GraphNode } from './types.ts';

interface Arguments {
  node: GraphNode;
  /** Input that must be present. */
  input: (index: number) => HostTensor;
  /** Numbers of an optional input. */
  optional: (index: number) => number[] | undefined;
  /** In order, without the omitted ones. */
  present: HostTensor[];
  /** Most elements of a result. */
  limit: number;
}

/** Turning and slicing large weights is the engine's work. */
const MAX_REARRANGED = 4096;

function binary({ present, limit }: Arguments, compute: (a: number, b: number, integer: boolean) => number): HostTensor {
  const [first, ...others] = present;
  if (first === undefined) throw new Error('no input');
  const integer = !first.dtype.startsWith('float');
  return others.reduce((a, b) => {
    const shape = broadcastShape(a.shape, b.shape);
    const right = spread(b, shape, limit);
    return hostOf(first.dtype, shape, spread(a, shape, limit).map((value, index) => compute(value, right[index] ?? 0, integer)));
  }, first);
}

function unary({ input }: Arguments, compute: (x: number) => number): HostTensor {
  const x = input(0);
  return hostOf(x.dtype, x.shape, numbersOf(x).map(compute));
}

function attributeInt({ node }: Arguments, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.kind === 'int' ? attribute.value : fallback;
}
function attributeInts({ node }: Arguments, name: string): number[] | undefined {
  const attribute = node.attributes[name];
  return attribute?.kind === 'ints' ? attribute.value : undefined;
}

/** Positions that a slice takes from an axis (ONNX Slice-13: ends beyond the axis are clamped). */
function slicePositions(size: number, start: number, end: number, step: number): number[] {
  if (!Number.isInteger(step) || step === 0) throw new Error(`a slice with step ${String(step)}`);
  const clamp = (position: number, low: number, high: number): number => Math.min(Math.max(position < 0 ? position + size : position, low), high);
  const [from, to] = step > 0 ? [clamp(start, 0, size), clamp(end, 0, size)] : [clamp(start, 0, size - 1), clamp(end, -1, size - 1)];
  const positions: number[] = [];
  for (let index = from; step > 0 ? index < to : index > to; index += step) positions.push(index);
  return positions;
}

/** undefined: known in principle, but the engine's work. */
type HostOperator = (args: Arguments) => HostTensor | undefined;

const HOST_OPERATORS: Readonly<Record<string, HostOperator>> = {
  Identity: ({ input }) => input(0),
  Cast: (args) => {
    const x = args.input(0);
    const dtype = dtypeOf(attributeInt(args, 'to', 1), args.node.name);
    return dtype === x.dtype ? x : hostOf(dtype, x.shape, numbersOf(x));
  },
  Add: (args) => binary(args, (a, b) => a + b),
  Sub: (args) => binary(args, (a, b) => a - b),
  Mul: (args) => binary(args, (a, b) => a * b),
  Div: (args) => binary(args, (a, b, integer) => (integer ? Math.trunc(a / b) : a / b)),
  Min: (args) => binary(args, (a, b) => Math.min(a, b)),
  Max: (args) => binary(args, (a, b) => Math.max(a, b)),
  Pow: (args) => binary(args, (a, b) => a ** b),
  Equal: (args) => {
    const same = binary(args, (a, b) => (a === b ? 1 : 0));
    return hostOf('bool', same.shape, numbersOf(same));
  },
  Sqrt: (args) => unary(args, Math.sqrt),
  Neg: (args) => unary(args, (x) => -x),
  Where: ({ input, limit }) => {
    const [condition, yes, no] = [input(0), input(1), input(2)];
    const shape = broadcastShape(broadcastShape(condition.shape, yes.shape), no.shape);
    const [a, b] = [spread(yes, shape, limit), spread(no, shape, limit)];
    return hostOf(yes.dtype, shape, spread(condition, shape, limit).map((value, index) => (value === 0 ? b[index] : a[index]) ?? 0));
  },
  Shape: ({ input }) => {
    const { shape } = input(0);
    return hostOf('int64', [shape.length], shape);
  },
  Gather: (args) => {
    const [x, index] = [args.input(0), args.input(1)];
    const axis = axisOf(attributeInt(args, 'axis', 0), x.shape.length);
    const shape = [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)];
    boundedCount(shape, args.limit);
    const positions = numbersOf(index).map((position) => axisOf(position, x.shape[axis] ?? 0));
    return hostOf(x.dtype, shape, pick(x, allPositions(x.shape).with(axis, positions)));
  },
  Concat: (args) => {
    const first = args.input(0);
    const axis = axisOf(attributeInt(args, 'axis', 0), first.shape.length);
    if (args.present.some(({ shape }) => shape.length !== first.shape.length || shape.some((size, at) => at !== axis && size !== first.shape[at]))) throw new Error('parts of different shape');
    const shape = first.shape.with(axis, args.present.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0));
    boundedCount(shape, args.limit);
    const parts = args.present.map((part) => ({ values: numbersOf(part), run: elementCount(part.shape.slice(axis)) }));
    const outer = elementCount(first.shape.slice(0, axis));
    return hostOf(first.dtype, shape, Array.from({ length: outer }, (_, row) => parts.flatMap(({ values, run }) => values.slice(row * run, (row + 1) * run))).flat());
  },
  Unsqueeze: (args) => {
    const x = args.input(0);
    const axes = args.optional(1) ?? attributeInts(args, 'axes') ?? [];
    const rank = x.shape.length + axes.length;
    const wanted = new Set(axes.map((axis) => axisOf(axis, rank)));
    const sizes = [...x.shape];
    return { ...x, shape: Array.from({ length: rank }, (_, axis) => (wanted.has(axis) ? 1 : (sizes.shift() ?? 1))) };
  },
  Squeeze: (args) => {
    const x = args.input(0);
    const axes = (args.optional(1) ?? attributeInts(args, 'axes'))?.map((axis) => axisOf(axis, x.shape.length));
    if (axes?.some((axis) => x.shape[axis] !== 1) === true) throw new Error(`axes [${axes.join(', ')}] of [${x.shape.join(', ')}] are not all of size 1`);
    return { ...x, shape: x.shape.filter((size, axis) => (axes === undefined ? size !== 1 : !axes.includes(axis))) };
  },
  Reshape: (args) => {
    const x = args.input(0);
    const keepZero = attributeInt(args, 'allowzero', 0) === 1;
    const shape = numbersOf(args.input(1)).map((size, axis) => (size === 0 && !keepZero ? (x.shape[axis] ?? 0) : size));
    const unknown = shape.indexOf(-1);
    if (unknown >= 0) shape[unknown] = x.data.length / boundedCount(shape.toSpliced(unknown, 1), Number.MAX_SAFE_INTEGER);
    if (boundedCount(shape, Number.MAX_SAFE_INTEGER) !== x.data.length) throw new Error(`[${x.shape.join(', ')}] does not reshape to [${shape.join(', ')}]`);
    return { ...x, shape };
  },
  Slice: (args) => {
    const x = args.input(0);
    if (x.data.length > MAX_REARRANGED) return undefined;
    const [starts, ends] = [numbersOf(args.input(1)), numbersOf(args.input(2))];
    const axes = args.optional(3) ?? starts.map((_, index) => index);
    const steps = args.optional(4);
    const sources = allPositions(x.shape);
    axes.forEach((given, index) => {
      const axis = axisOf(given, x.shape.length);
      sources[axis] = slicePositions(x.shape[axis] ?? 0, starts[index] ?? 0, ends[index] ?? 0, steps?.[index] ?? 1);
    });
    return hostOf(x.dtype, sources.map(({ length }) => length), pick(x, sources));
  },
  Transpose: (args) => {
    const x = args.input(0);
    if (x.data.length > MAX_REARRANGED) return undefined;
    const permutation = attributeInts(args, 'perm')?.map((axis) => axisOf(axis, x.shape.length)) ?? x.shape.map((_, axis) => axis).reverse();
    if (new Set(permutation).size !== x.shape.length) throw new Error(`[${permutation.join(', ')}] is not an order of ${String(x.shape.length)} axes`);
    return hostOf(x.dtype, permutation.map((axis) => x.shape[axis] ?? 1), pick(x, allPositions(x.shape), permutation));
  },
  ConstantOfShape: ({ node, input, limit }) => {
    const shape = numbersOf(input(0));
    const { value } = node.attributes;
    const count = boundedCount(shape, limit);
    const [dtype, fill] = value?.kind === 'tensor' ? [value.value.dtype, numbersOf(value.value)[0] ?? 0] : (['float32', 0] as const);
    return hostOf(dtype, shape, Array<number>(count).fill(fill));
  },
  Range: ({ input, limit }) => {
    const [start, end, step] = [0, 1, 2].map((index) => numbersOf(input(index))[0] ?? Number.NaN) as [number, number, number];
    if (step === 0) throw new Error('a range with step 0');
    const count = Math.max(Math.ceil((end - start) / step), 0);
    boundedCount([count], limit);
    return hostOf(input(0).dtype, [count], Array.from({ length: count }, (_, index) => start + index * step));
  },
  Expand: ({ input, limit }) => {
    const x = input(0);
    const shape = broadcastShape(x.shape, numbersOf(input(1)));
    return hostOf(x.dtype, shape, spread(x, shape, limit));
  },
};

/**
 * Result of a node whose present inputs are all known, or undefined when it must run on the engine.
 * @param limit most elements of the result, checked before it is made; larger ones are the engine's work
 * @throws TapsError `model-unsupported` when the arithmetic has no result (wrong shapes, division by zero)
 */
export function evaluateOnHost(node: GraphNode, inputs: readonly (HostTensor | undefined)[], limit = MAX_HOST_ELEMENTS): HostTensor[] | undefined {
  const operator = Object.hasOwn(HOST_OPERATORS, node.op) ? HOST_OPERATORS[node.op] : undefined;
  const present = inputs.filter((tensor) => tensor !== undefined);
  if (operator === undefined || present.length === 0) return undefined;
  const input = (index: number): HostTensor => {
    const tensor = inputs[index];
    if (tensor === undefined) throw new Error(`input ${String(index)} is missing`);
    return tensor;
  };
  const optional = (index: number): number[] | undefined => {
    const tensor = inputs[index];
    return tensor === undefined ? undefined : numbersOf(tensor);
  };
  try {
    const result = operator({ node, input, optional, present, limit });
    return result === undefined ? undefined : [result];
  } catch (error) {
    if (error instanceof TooLargeForHost) return undefined;
    if (error instanceof TapsError) throw error;
    throw new TapsError('model-unsupported', `Node ${node.name} (${node.op}) cannot be evaluated: ${error instanceof Error ? error.message : String(error)}.`, 'Export the model again, with constant folding.', { cause: error });
  }
}
