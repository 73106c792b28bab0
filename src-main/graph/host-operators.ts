/** @file Shape arithmetic: operators on values that are known before anything runs. Integers and small constants only. */
import { elementCount, type HostTensor } from '../contract/tensors.ts';
import type { GraphNode } from './types.ts';

type Hosts = (HostTensor | undefined)[];

const numbers = (tensor: HostTensor | undefined): number[] => (tensor === undefined ? [] : Array.from(tensor.data as Iterable<number | bigint>, Number));

function int(values: readonly number[], shape: readonly number[]): HostTensor {
  return { dtype: 'int64', shape, data: BigInt64Array.from(values, (value) => BigInt(Math.trunc(value))) };
}
function like(source: HostTensor | undefined, values: readonly number[], shape: readonly number[]): HostTensor {
  if (source === undefined || source.dtype === 'int64' || source.dtype === 'int32' || source.dtype === 'bool') return int(values, shape);
  return { dtype: 'float32', shape, data: Float32Array.from(values) };
}

/** Elementwise with broadcasting. */
function binary(hosts: Hosts, compute: (a: number, b: number) => number): HostTensor {
  const [a, b] = hosts;
  const shape = broadcastShape(a?.shape ?? [], b?.shape ?? []);
  const left = spread(a, shape);
  const right = spread(b, shape);
  return like(a, left.map((value, index) => compute(value, right[index] ?? 0)), shape);
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => Math.max(a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1));
}

function spread(tensor: HostTensor | undefined, shape: readonly number[]): number[] {
  const values = numbers(tensor);
  const own = tensor?.shape ?? [];
  return Array.from({ length: elementCount(shape) }, (_, flat) => {
    let rest = flat;
    let index = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] ?? 1;
      const position = rest % size;
      rest = Math.floor(rest / size);
      const ownSize = own[axis - shape.length + own.length] ?? 1;
      if (ownSize > 1) index += position * stride;
      stride *= ownSize;
    }
    return values[index] ?? 0;
  });
}

function attributeInt(node: GraphNode, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.kind === 'int' ? attribute.value : fallback;
}
function attributeInts(node: GraphNode, name: string): number[] | undefined {
  const attribute = node.attributes[name];
  return attribute?.kind === 'ints' ? attribute.value : undefined;
}

type HostOperator = (node: GraphNode, inputs: Hosts) => HostTensor[];

const HOST_OPERATORS: Record<string, HostOperator> = {
  Identity: (_node, [x]) => (x === undefined ? [] : [x]),
  Cast: (node, [x]) => {
    const to = attributeInt(node, 'to', 1);
    const values = numbers(x);
    const shape = x?.shape ?? [];
    if (to === 1 || to === 10 || to === 11) return [{ dtype: 'float32', shape, data: Float32Array.from(values) }];
    return [int(to === 9 ? values.map((value) => (value === 0 ? 0 : 1)) : values, shape)];
  },
  Add: (_node, inputs) => [binary(inputs, (a, b) => a + b)],
  Sub: (_node, inputs) => [binary(inputs, (a, b) => a - b)],
  Mul: (_node, inputs) => [binary(inputs, (a, b) => a * b)],
  Div: (_node, inputs) => [binary(inputs, (a, b) => (inputs[0]?.dtype === 'float32' ? a / b : Math.trunc(a / b)))],
  Min: (_node, inputs) => [binary(inputs, Math.min)],
  Max: (_node, inputs) => [binary(inputs, Math.max)],
  Pow: (_node, inputs) => [binary(inputs, (a, b) => a ** b)],
  Equal: (_node, inputs) => [binary(inputs, (a, b) => (a === b ? 1 : 0))],
  Sqrt: (_node, [x]) => [like(x, numbers(x).map(Math.sqrt), x?.shape ?? [])],
  Neg: (_node, [x]) => [like(x, numbers(x).map((value) => -value), x?.shape ?? [])],
  Where: (_node, [condition, yes, no]) => {
    const shape = broadcastShape(broadcastShape(condition?.shape ?? [], yes?.shape ?? []), no?.shape ?? []);
    const [mask, a, b] = [spread(condition, shape), spread(yes, shape), spread(no, shape)];
    return [like(yes, mask.map((value, index) => (value === 0 ? (b[index] ?? 0) : (a[index] ?? 0))), shape)];
  },
  Shape: (_node, [x]) => [int([...(x?.shape ?? [])], [x?.shape.length ?? 0])],
  Gather: (node, [x, index]) => {
    const shape = x?.shape ?? [];
    const axis = (attributeInt(node, 'axis', 0) + shape.length) % Math.max(shape.length, 1);
    const size = shape[axis] ?? 1;
    const inner = elementCount(shape.slice(axis + 1));
    const outer = elementCount(shape.slice(0, axis));
    const values = numbers(x);
    const picks = numbers(index).map((pick) => (pick + size) % size);
    const result: number[] = [];
    for (let o = 0; o < outer; o++) for (const pick of picks) for (let i = 0; i < inner; i++) result.push(values[(o * size + pick) * inner + i] ?? 0);
    return [like(x, result, [...shape.slice(0, axis), ...(index?.shape ?? []), ...shape.slice(axis + 1)])];
  },
  Concat: (_node, inputs) => {
    const parts = inputs.map(numbers).flat();
    return [like(inputs[0], parts, [parts.length])];
  },
  Unsqueeze: (node, [x, axes]) => {
    const wanted = axes === undefined ? (attributeInts(node, 'axes') ?? []) : numbers(axes);
    const rank = (x?.shape.length ?? 0) + wanted.length;
    const at = new Set(wanted.map((axis) => (axis + rank) % rank));
    const sizes = [...(x?.shape ?? [])];
    return [like(x, numbers(x), Array.from({ length: rank }, (_, axis) => (at.has(axis) ? 1 : (sizes.shift() ?? 1))))];
  },
  Squeeze: (_node, [x]) => [like(x, numbers(x), (x?.shape ?? []).filter((size) => size !== 1))],
  Reshape: (_node, [x, target]) => {
    const values = numbers(x);
    const shape = numbers(target).map((size, axis) => (size === 0 ? (x?.shape[axis] ?? 0) : size));
    const unknown = shape.indexOf(-1);
    if (unknown >= 0) shape[unknown] = values.length / -elementCount(shape);
    return [like(x, values, shape)];
  },
  Slice: (_node, [x, starts, ends, axes, steps]) => {
    const values = numbers(x);
    if ((x?.shape.length ?? 0) !== 1 || (numbers(axes)[0] ?? 0) !== 0) throw new Error('Only vectors of shape arithmetic are sliced.');
    const clamp = (position: number): number => Math.min(Math.max(position < 0 ? position + values.length : position, 0), values.length);
    const step = numbers(steps)[0] ?? 1;
    const from = clamp(numbers(starts)[0] ?? 0);
    const to = clamp(numbers(ends)[0] ?? values.length);
    const result: number[] = [];
    for (let index = from; step > 0 && index < to; index += step) result.push(values[index] ?? 0);
    return [like(x, result, [result.length])];
  },
  ConstantOfShape: (node, [target]) => {
    const shape = numbers(target);
    const attribute = node.attributes['value'];
    const fill = attribute?.kind === 'tensor' ? Number(attribute.value.data[0] ?? 0) : 0;
    const source = attribute?.kind === 'tensor' ? attribute.value : { dtype: 'float32' as const, shape: [], data: Float32Array.of(0) };
    return [like(source, Array<number>(elementCount(shape)).fill(fill), shape)];
  },
  Range: (_node, [start, limit, delta]) => {
    const [from = 0, to = 0, step = 1] = [numbers(start)[0], numbers(limit)[0], numbers(delta)[0]];
    const result: number[] = [];
    for (let value = from; step > 0 ? value < to : value > to; value += step) result.push(value);
    return [like(start, result, [result.length])];
  },
  Expand: (_node, [x, target]) => {
    const shape = broadcastShape(x?.shape ?? [], numbers(target));
    return [like(x, spread(x, shape), shape)];
  },
};

/** Result of a node whose present inputs are all known, or undefined when it must run on the engine. */
export function evaluateOnHost(node: GraphNode, inputs: Hosts): HostTensor[] | undefined {
  if (inputs.length === 0 && node.op !== 'ConstantOfShape') return undefined;
  return HOST_OPERATORS[node.op]?.(node, inputs);
}
