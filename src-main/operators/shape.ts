/** @file Operators that move data without computing. */
import { tf, type Tensor } from '../engine/tfjs.ts';
import { input, intAttribute, intsAttribute, type Operator, type OperatorContext } from './context.ts';
import { asNatural, asSwapped, broadcastTo, hostIntegers, integers, natural, shapeOf, swapped, type Value } from './value.ts';

const exchange = (axis: number): number => (axis === 0 ? 1 : axis === 1 ? 0 : axis);

function isSwapped(value: Value): value is Extract<Value, { kind: 'tensor' }> {
  return value.kind === 'tensor' && value.layout === 'swapped';
}

const reshape: Operator = (context) => {
  const tensor = asNatural(input(context, 0));
  const target = integers(context.inputs[1], `The shape of ${context.node.name}`);
  const allowZero = intAttribute(context, 'allowzero', 0) === 1;
  const shape = target.map((size, axis) => (size === 0 && !allowZero ? (tensor.shape[axis] ?? 0) : size));
  return [natural(tf.reshape(tensor, shape))];
};

const flatten: Operator = (context) => {
  const tensor = asNatural(input(context, 0));
  const axis = (intAttribute(context, 'axis', 1) + tensor.rank) % Math.max(tensor.rank, 1);
  const rows = tensor.shape.slice(0, axis).reduce((product, size) => product * size, 1);
  return [natural(tf.reshape(tensor, [rows, tensor.size / rows]))];
};

const transpose: Operator = (context) => {
  const value = input(context, 0);
  const rank = shapeOf(value).length;
  const permutation = intsAttribute(context, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  // [Note: Layout of values] composing with the exchange saves one transpose.
  if (isSwapped(value)) return [natural(tf.transpose(value.tensor, permutation.map(exchange)))];
  return [natural(tf.transpose(asNatural(value), permutation))];
};

const concat: Operator = (context) => {
  const values = context.inputs.filter((value) => value !== undefined);
  const rank = shapeOf(input(context, 0)).length;
  const axis = (intAttribute(context, 'axis', 0) + rank) % rank;
  if (rank === 4 && values.some(isSwapped)) return [swapped(tf.concat(values.map(asSwapped), exchange(axis)))];
  return [natural(tf.concat(values.map(asNatural), axis))];
};

/** Slices along one natural axis, whatever the layout. */
function sliceAxis(value: Value, axis: number, begin: number, length: number): Value {
  const swap = isSwapped(value);
  const tensor = swap ? value.tensor : asNatural(value);
  const physical = swap ? exchange(axis) : axis;
  const start = tensor.shape.map((_, index) => (index === physical ? begin : 0));
  const size = tensor.shape.map((full, index) => (index === physical ? length : full));
  const y = tf.slice(tensor, start, size);
  return swap ? swapped(y) : natural(y);
}

/** Every step-th element along a natural axis: padded to whole groups, of which the first element is taken. */
function everyNth(value: Value, axis: number, step: number): Value {
  if (step === 1) return value;
  const tensor = asNatural(value);
  const size = tensor.shape[axis] ?? 0;
  const groups = Math.ceil(size / step);
  const padded = tf.pad(tensor, tensor.shape.map((_, index): [number, number] => [0, index === axis ? groups * step - size : 0]));
  const [before, after] = [tensor.shape.slice(0, axis), tensor.shape.slice(axis + 1)];
  const grouped = tf.reshape(padded, [...before, groups, step, ...after]);
  return natural(tf.reshape(asNatural(sliceAxis(natural(grouped), axis + 1, 0, 1)), [...before, groups, ...after]));
}

const split: Operator = (context) => {
  const value = input(context, 0);
  const shape = shapeOf(value);
  const axis = (intAttribute(context, 'axis', 0) + shape.length) % shape.length;
  const parts = context.node.outputs.length;
  const sizes = context.inputs[1] === undefined ? Array<number>(parts).fill((shape[axis] ?? 0) / parts) : integers(context.inputs[1], 'Split sizes');
  let begin = 0;
  return sizes.map((size) => {
    const part = sliceAxis(value, axis, begin, size);
    begin += size;
    return part;
  });
};

const slice: Operator = (context) => {
  const value = input(context, 0);
  const shape = shapeOf(value);
  const starts = integers(context.inputs[1], 'Slice starts');
  const ends = integers(context.inputs[2], 'Slice ends');
  const axes = context.inputs[3] === undefined ? starts.map((_, index) => index) : integers(context.inputs[3], 'Slice axes');
  const steps = context.inputs[4] === undefined ? starts.map(() => 1) : integers(context.inputs[4], 'Slice steps');
  let result = value;
  axes.forEach((given, index) => {
    const axis = (given + shape.length) % shape.length;
    const size = shape[axis] ?? 0;
    const step = steps[index] ?? 1;
    if (step < 1) throw new Error(`Slice ${context.node.name} goes backwards (step ${String(step)}), which is not supported on activations.`);
    const clamp = (position: number): number => Math.min(Math.max(position < 0 ? position + size : position, 0), size);
    const begin = clamp(starts[index] ?? 0);
    const length = Math.max(clamp(ends[index] ?? size) - begin, 0);
    result = everyNth(sliceAxis(result, axis, begin, length), axis, step);
  });
  return [result];
};

/** A constant index picks one slice, constant indices several; embeddings look up nothing that is learnt here. */
const gather: Operator = (context) => {
  const value = input(context, 0);
  const shape = shapeOf(value);
  const axis = (intAttribute(context, 'axis', 0) + shape.length) % shape.length;
  const size = shape[axis] ?? 0;
  const indexShape = shapeOf(input(context, 1));
  const indices = integers(context.inputs[1], `The indices of ${context.node.name}`).map((index) => (index + size) % size);
  const slices = indices.map((index) => asNatural(sliceAxis(value, axis, index, 1)));
  const joined = slices.length === 1 ? slices[0] : tf.concat(slices, axis);
  if (joined === undefined) throw new Error(`Gather ${context.node.name} without indices.`);
  return [natural(tf.reshape(joined, [...shape.slice(0, axis), ...indexShape, ...shape.slice(axis + 1)]))];
};

const axesOf = (context: OperatorContext): number[] | undefined =>
  context.inputs[1] === undefined ? intsAttribute(context, 'axes') : integers(context.inputs[1], 'Axes');

const squeeze: Operator = (context) => {
  const tensor = asNatural(input(context, 0));
  const axes = axesOf(context)?.map((axis) => (axis + tensor.rank) % tensor.rank);
  const shape = tensor.shape.filter((size, axis) => (axes === undefined ? size !== 1 : !axes.includes(axis)));
  return [natural(tf.reshape(tensor, shape))];
};

const unsqueeze: Operator = (context) => {
  const tensor = asNatural(input(context, 0));
  const axes = axesOf(context) ?? [];
  const rank = tensor.rank + axes.length;
  const wanted = new Set(axes.map((axis) => (axis + rank) % rank));
  const sizes = [...tensor.shape];
  const shape = Array.from({ length: rank }, (_, axis) => (wanted.has(axis) ? 1 : (sizes.shift() ?? 1)));
  return [natural(tf.reshape(tensor, shape))];
};

const expand: Operator = (context) => {
  const tensor = asNatural(input(context, 0));
  const target = tf.broadcast_util.assertAndGetBroadcastShape(tensor.shape, integers(context.inputs[1], `The shape of ${context.node.name}`));
  return [natural(target.every((size, axis) => size === tensor.shape[axis]) ? tensor : broadcastTo(tensor, target))];
};

const pad: Operator = (context) => {
  const value = input(context, 0);
  const amounts = integers(context.inputs[1], `The padding of ${context.node.name}`);
  const fill = context.inputs[2] === undefined ? 0 : (integers(context.inputs[2], 'The padding value')[0] ?? 0);
  const rank = shapeOf(value).length;
  const swap = isSwapped(value);
  const tensor: Tensor = swap ? value.tensor : asNatural(value);
  const pairs = Array.from({ length: rank }, (_, axis): [number, number] => {
    const from = swap ? exchange(axis) : axis;
    return [amounts[from] ?? 0, amounts[from + rank] ?? 0];
  });
  const y = pairs.every(([before, after]) => before === 0 && after === 0) ? tensor : tf.pad(tensor, pairs, fill);
  return [swap ? swapped(y) : natural(y)];
};

export const shapeOperators: Record<string, Operator> = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Pad: pad,
  Shape: (context) => [hostIntegers(shapeOf(input(context, 0)))],
};
