/** @file Elementwise operators: layout-preserving, with ONNX's broadcasting. */
import { tf, type Tensor } from '../engine/tfjs.ts';
import { floatAttribute, input, type Operator, type OperatorContext } from './context.ts';
import { asNatural, asSwapped, integers, natural, shapeOf, swapped, type Value } from './value.ts';

const unary = (compute: (x: Tensor, context: OperatorContext) => Tensor): Operator => (context) => {
  const value = input(context, 0);
  if (value.kind === 'tensor' && value.layout === 'swapped') return [swapped(compute(value.tensor, context))];
  return [natural(compute(asNatural(value), context))];
};

/** Operands brought to one layout: swapped if any is and the result has four axes. */
export function aligned(values: Value[]): { tensors: Tensor[]; wrap: (tensor: Tensor) => Value } {
  const anySwapped = values.some((value) => value.kind === 'tensor' && value.layout === 'swapped');
  const rank = Math.max(...values.map((value) => shapeOf(value).length));
  if (anySwapped && rank === 4) return { tensors: values.map(asSwapped), wrap: swapped };
  return { tensors: values.map(asNatural), wrap: natural };
}

const nary = (compute: (a: Tensor, b: Tensor) => Tensor): Operator => (context) => {
  const present = context.inputs.filter((value) => value !== undefined);
  const { tensors, wrap } = aligned(present);
  return [wrap(tensors.reduce((a, b) => compute(a, b)))];
};

/** A scalar that is known before the graph runs, or undefined. */
function scalarOf(value: Value | undefined): number | undefined {
  return value?.kind === 'host' && value.host.data.length === 1 ? Number(value.host.data[0]) : undefined;
}

const pow: Operator = (context) => {
  const exponent = scalarOf(context.inputs[1]);
  if (exponent === 2) return unary(tf.square)(context);
  if (exponent === 0.5) return unary(tf.sqrt)(context);
  if (exponent === 1) return [input(context, 0)];
  if (exponent === 3) return unary((x) => tf.mul(x, tf.square(x)))(context);
  return nary(tf.pow)(context);
};

const clip: Operator = (context) => {
  const low = scalarOf(context.inputs[1]) ?? Number.NEGATIVE_INFINITY;
  const high = scalarOf(context.inputs[2]) ?? Number.POSITIVE_INFINITY;
  return unary((x) => {
    if (low === 0 && high === Number.POSITIVE_INFINITY) return tf.relu(x);
    // Largest finite floats stand for "no bound".
    return tf.clipByValue(x, Math.max(low, -3.4e38), Math.min(high, 3.4e38));
  })(context);
};

/** max(0, min(1, αx + β)) (ONNX HardSigmoid). */
const hardSigmoid = (x: Tensor, alpha: number, beta: number): Tensor => tf.clipByValue(tf.add(tf.mul(x, tf.scalar(alpha)), tf.scalar(beta)), 0, 1);

/** Graph constants only: a condition that depends on the input is not differentiable here. */
const where: Operator = (context) => {
  const condition = integers(context.inputs[0], `The condition of ${context.node.name}`);
  const shape = shapeOf(input(context, 0));
  const { tensors, wrap } = aligned([input(context, 1), input(context, 2)]);
  const [yes, no] = tensors;
  if (yes === undefined || no === undefined) throw new Error('unreachable');
  const maskValue = natural(tf.tensor(Float32Array.from(condition), shape));
  const mask = wrap === swapped ? asSwapped(maskValue) : asNatural(maskValue);
  return [wrap(tf.add(tf.mul(yes, mask), tf.mul(no, tf.sub(tf.scalar(1), mask))))];
};

export const elementwiseOperators: Record<string, Operator> = {
  Add: nary((a, b) => tf.add(a, b)),
  Sub: nary((a, b) => tf.sub(a, b)),
  Mul: nary((a, b) => tf.mul(a, b)),
  Div: nary((a, b) => tf.div(a, b)),
  Min: nary((a, b) => tf.minimum(a, b)),
  Max: nary((a, b) => tf.maximum(a, b)),
  Pow: pow,
  Clip: clip,
  Where: where,
  Relu: unary((x) => tf.relu(x)),
  LeakyRelu: unary((x, context) => tf.leakyRelu(x, floatAttribute(context, 'alpha', 0.01))),
  Sigmoid: unary((x) => tf.sigmoid(x)),
  HardSigmoid: unary((x, context) => hardSigmoid(x, floatAttribute(context, 'alpha', 0.2), floatAttribute(context, 'beta', 0.5))),
  HardSwish: unary((x) => tf.mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  Tanh: unary((x) => tf.tanh(x)),
  Erf: unary((x) => tf.erf(x)),
  Exp: unary((x) => tf.exp(x)),
  Log: unary((x) => tf.log(x)),
  Sqrt: unary((x) => tf.sqrt(x)),
  Neg: unary((x) => tf.neg(x)),
  Abs: unary((x) => tf.abs(x)),
  Reciprocal: unary((x) => tf.reciprocal(x)),
  Identity: (context) => [input(context, 0)],
  Dropout: (context) => [input(context, 0)],
  Cast: (context) => [input(context, 0)],
};
