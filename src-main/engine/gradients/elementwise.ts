/**
 * @file Gradients of tfjs's elementwise kernels. tfjs-core registers none in its Node bundle; these are ours, in
 * the form that costs the fewest passes over memory.
 */
import { KERNELS } from '../kernels/names.ts';
import { runKernel, tf, type Tensor } from '../tfjs.ts';
import { gradient, one, unbroadcast } from './register.ts';

export function registerElementwiseGradients(): void {
  gradient('Add', ['a', 'b'], false, (dy, [a, b]) => ({
    a: () => unbroadcast(dy, one(a).shape),
    b: () => unbroadcast(dy, one(b).shape),
  }));
  gradient('Sub', ['a', 'b'], false, (dy, [a, b]) => ({
    a: () => unbroadcast(dy, one(a).shape),
    b: () => unbroadcast(tf.neg(dy), one(b).shape),
  }));
  gradient('Multiply', ['a', 'b'], false, (dy, [a, b]) => ({
    a: () => unbroadcast(tf.mul(dy, one(b)), one(a).shape),
    b: () => unbroadcast(tf.mul(dy, one(a)), one(b).shape),
  }));
  gradient('RealDiv', ['a', 'b'], false, (dy, [a, b]) => ({
    a: () => unbroadcast(tf.div(dy, one(b)), one(a).shape),
    b: () => unbroadcast(tf.neg(tf.div(tf.mul(dy, one(a)), tf.square(one(b)))), one(b).shape),
  }));
  gradient('Maximum', ['a', 'b'], false, (dy, [a, b]) => ({
    a: () => unbroadcast(tf.mul(dy, tf.cast(tf.greaterEqual(one(a), one(b)), 'float32')), one(a).shape),
    b: () => unbroadcast(tf.mul(dy, tf.cast(tf.less(one(a), one(b)), 'float32')), one(b).shape),
  }));
  gradient('Minimum', ['a', 'b'], false, (dy, [a, b]) => ({
    a: () => unbroadcast(tf.mul(dy, tf.cast(tf.lessEqual(one(a), one(b)), 'float32')), one(a).shape),
    b: () => unbroadcast(tf.mul(dy, tf.cast(tf.greater(one(a), one(b)), 'float32')), one(b).shape),
  }));
  // d(a^b)/da = b·a^(b−1). Exponents are constants in every network we read; they get no gradient.
  gradient('Pow', ['a', 'b'], false, (dy, [a, b]) => ({
    a: () => unbroadcast(tf.mul(dy, tf.mul(one(b), tf.pow(one(a), tf.sub(one(b), tf.scalar(1))))), one(a).shape),
    b: () => tf.zeros(one(b).shape),
  }));

  gradient('Neg', ['x'], false, (dy) => ({ x: () => tf.neg(dy) }));
  gradient('Abs', ['x'], false, (dy, [x]) => ({ x: () => tf.mul(dy, tf.sign(one(x))) }));
  gradient('Square', ['x'], false, (dy, [x]) => ({ x: () => tf.mul(dy, tf.mul(one(x), tf.scalar(2))) }));
  gradient('Exp', [], true, (dy, [y]) => ({ x: () => tf.mul(dy, one(y)) }));
  gradient('Log', ['x'], false, (dy, [x]) => ({ x: () => tf.div(dy, one(x)) }));
  gradient('Sqrt', [], true, (dy, [y]) => ({ x: () => tf.div(dy, tf.mul(one(y), tf.scalar(2))) }));
  gradient('Reciprocal', [], true, (dy, [y]) => ({ x: () => tf.neg(tf.mul(dy, tf.square(one(y)))) }));
  gradient('Relu', [], true, (dy, [y]) => ({ x: () => runKernel(KERNELS.reluGrad, { y: one(y), dy }) }));
  // The slope as a tensor: 1 where x > 0, alpha elsewhere.
  gradient('LeakyRelu', ['x'], false, (dy, [x], attributes) => {
    const alpha = Number(attributes['alpha']);
    const positive = (): Tensor => tf.cast(tf.greater(one(x), tf.scalar(0)), 'float32');
    return { x: () => tf.mul(dy, tf.add(tf.mul(positive(), tf.scalar(1 - alpha)), tf.scalar(alpha))) };
  });
  // Inside the bounds, exclusive, as PyTorch's hardtanh and relu6 do.
  gradient('ClipByValue', ['x'], false, (dy, [x], attributes) => ({
    x: () => {
      const above = tf.greater(one(x), tf.scalar(Number(attributes['clipValueMin'])));
      const below = tf.less(one(x), tf.scalar(Number(attributes['clipValueMax'])));
      return tf.mul(dy, tf.cast(tf.logicalAnd(above, below), 'float32'));
    },
  }));
  gradient('Sigmoid', [], true, (dy, [y]) => ({
    x: () => tf.mul(dy, tf.mul(one(y), tf.sub(tf.scalar(1), one(y)))),
  }));
  gradient('Tanh', [], true, (dy, [y]) => ({ x: () => tf.mul(dy, tf.sub(tf.scalar(1), tf.square(one(y)))) }));
  gradient('Erf', ['x'], false, (dy, [x]) => ({
    x: () => tf.mul(dy, tf.mul(tf.exp(tf.neg(tf.square(one(x)))), tf.scalar(2 / Math.sqrt(Math.PI)))),
  }));
  gradient('Cast', [], false, (dy) => ({ x: () => tf.cast(dy, 'float32') }));
  gradient('Identity', [], false, (dy) => ({ x: () => tf.add(dy, tf.scalar(0)) }));
  gradient('Select', ['condition'], false, (dy, [condition]) => {
    const mask = (): Tensor => tf.cast(one(condition), 'float32');
    return {
      condition: () => tf.zeros(one(condition).shape),
      t: () => tf.mul(dy, mask()),
      e: () => tf.mul(dy, tf.sub(tf.scalar(1), mask())),
    };
  });
}
