/** @file Registers our kernels on an eager tfjs backend. Nested ops inside a kernel are not taped: gradients are our own. */
import { inverseCounts } from '../lowering/pooling.ts';
import { tf, type Tensor } from '../tfjs.ts';
import { activationOf, windowOutputs, type ConvAttributes, type PoolAttributes } from './attributes.ts';
import { eagerConv, eagerConvGradFilter, eagerConvGradInput } from './eager-convolution.ts';
import {
  eagerAveragePool,
  eagerAveragePoolGrad,
  eagerBatchNormEval,
  eagerBatchNormTrain,
  eagerBatchNormTrainGrad,
  eagerLayerNorm,
  eagerLayerNormGrad,
  eagerMaxPool,
  eagerMaxPoolGrad,
} from './eager-others.ts';
import { KERNELS } from './names.ts';

type Inputs = (name: string) => Tensor;
type Form = (input: Inputs, attributes: unknown) => Tensor | Tensor[];

function counts(pool: PoolAttributes, h: number, w: number): Tensor {
  const [oh, ow] = windowOutputs(pool, h, w, pool.ceil);
  return tf.tensor(inverseCounts(pool, h, w, oh, ow), [1, 1, oh, ow]);
}

const FORMS: Record<string, Form> = {
  [KERNELS.conv]: (input, attributes) => eagerConv(input('x'), input('w'), attributes as ConvAttributes),
  [KERNELS.convGradInput]: (input, attributes) =>
    eagerConvGradInput(input('dy'), input('w'), attributes as ConvAttributes & { inputSize: [number, number] }),
  [KERNELS.convGradFilter]: (input, attributes) => eagerConvGradFilter(input('x'), input('dy'), attributes as ConvAttributes),
  [KERNELS.maxPool]: (input, attributes) => eagerMaxPool(input('x'), attributes as PoolAttributes),
  [KERNELS.maxPoolGrad]: (input, attributes) => eagerMaxPoolGrad(input('x'), input('y'), input('dy'), attributes as PoolAttributes),
  [KERNELS.averagePool]: (input, attributes) => {
    const pool = attributes as PoolAttributes;
    const { h, w } = activationOf(pool.layout, input('x').shape);
    return eagerAveragePool(input('x'), pool, counts(pool, h, w));
  },
  [KERNELS.averagePoolGrad]: (input, attributes) => {
    const pool = attributes as PoolAttributes & { inputSize: [number, number] };
    return eagerAveragePoolGrad(input('dy'), pool, counts(pool, ...pool.inputSize));
  },
  [KERNELS.batchNormTrain]: (input, attributes) => eagerBatchNormTrain(input('x'), input('scale'), input('bias'), attributes as never),
  [KERNELS.batchNormTrainGrad]: (input, attributes) =>
    eagerBatchNormTrainGrad(input('dy'), input('x'), input('scale'), input('mean'), input('inverseDeviation'), attributes as never),
  [KERNELS.batchNormEval]: (input, attributes) =>
    eagerBatchNormEval(input('x'), input('scale'), input('bias'), input('mean'), input('variance'), attributes as never),
  [KERNELS.layerNorm]: (input, attributes) =>
    eagerLayerNorm(input('x'), input('scale'), input('bias'), (attributes as { epsilon: number }).epsilon),
  [KERNELS.layerNormGrad]: (input) =>
    eagerLayerNormGrad(input('dy'), input('x'), input('scale'), input('mean'), input('inverseDeviation')),
  [KERNELS.gate]: (input, attributes) =>
    tf.cast(tf.greaterEqual(input('score'), tf.scalar((attributes as { threshold: number }).threshold)), 'float32'),
  [KERNELS.broadcast]: (input, attributes) => {
    const { shape } = attributes as { shape: number[] };
    const { shape: own } = input('x');
    return tf.tile(input('x'), shape.map((size, axis) => (own[axis] === size ? 1 : size)));
  },
  [KERNELS.reluGrad]: (input) => tf.mul(input('dy'), tf.cast(tf.greater(input('y'), tf.scalar(0)), 'float32')),
  [KERNELS.dot]: (input) => tf.sum(tf.mul(input('a'), input('b'))),
};

const registered = new Set<string>();

export function registerEagerKernels(backendName: string): void {
  if (registered.has(backendName)) return;
  registered.add(backendName);
  for (const [kernelName, form] of Object.entries(FORMS)) {
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => {
        const tensors = inputs as unknown as Record<string, Tensor | undefined>;
        return form((name) => {
          const tensor = tensors[name];
          if (tensor === undefined) throw new Error(`Kernel ${kernelName} lacks its input ${name}.`);
          return tensor;
        }, attrs);
      },
    });
  }
}
