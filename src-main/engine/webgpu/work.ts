/**
 * @file How long a recorded call would take on a weak desktop GPU. Only the order of size matters: it decides where a step is cut so
 * that no piece keeps a GPU that also draws a screen for longer than its watchdog allows.
 */
import { elementCount } from '../../contract/tensors.ts';
import { activationOf, type PoolAttributes } from '../kernels/attributes.ts';
import { KERNELS } from '../kernels/names.ts';
import { inputsOf, type TraceCall } from '../tracing/trace.ts';

/** An integrated GPU of the smallest kind, as these programs use it. */
const WEAK_GPU = { multiplyAddsPerSecond: 50e9, bytesPerSecond: 10e9 } as const;

/** Passes over memory of kernels that become several nodes. */
const PASSES: Readonly<Record<string, number>> = {
  [KERNELS.batchNormTrain]: 4,
  [KERNELS.batchNormTrainGrad]: 4,
  [KERNELS.layerNormGrad]: 4,
  [KERNELS.averagePoolGrad]: 3,
  Softmax: 2,
  LogSoftmax: 2,
};

/** Estimated seconds. */
export function secondsOf(call: TraceCall): number {
  const values = [...inputsOf(call), ...call.outputs];
  const bytes = 4 * values.reduce((sum, { shape }) => sum + elementCount(shape), 0) * passesOf(call);
  return multiplyAdds(call) / WEAK_GPU.multiplyAddsPerSecond + bytes / WEAK_GPU.bytesPerSecond;
}

function passesOf(call: TraceCall): number {
  if (call.kernel !== KERNELS.maxPoolGrad && call.kernel !== KERNELS.maxPool) return PASSES[call.kernel] ?? 1;
  const { kernel } = call.attributes as unknown as PoolAttributes;
  return kernel[0] * kernel[1];
}

function multiplyAdds({ kernel, inputs, outputs, attributes }: TraceCall): number {
  const shapeOf = (name: string): readonly number[] => inputs[name]?.shape ?? [];
  const output = outputs[0]?.shape ?? [];
  switch (kernel) {
    case KERNELS.conv:
      return convolution(shapeOf('w'), output);
    case KERNELS.convGradInput:
      return convolution(shapeOf('w'), shapeOf('dy'));
    case KERNELS.convGradFilter:
      return convolution(output, shapeOf('dy'));
    case 'BatchMatMul': {
      const inner = shapeOf('a').at(attributes['transposeA'] === true ? -2 : -1) ?? 1;
      return elementCount(output) * inner;
    }
    default:
      return 0;
  }
}

/** Of a convolution or one of its gradients. @param w [O, C/groups, kh, kw] */
function convolution(w: readonly number[], yShape: readonly number[]): number {
  const { n, h, w: width } = activationOf('nchw', yShape);
  return elementCount(w) * n * h * width;
}
