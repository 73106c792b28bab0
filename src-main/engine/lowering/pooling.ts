/** @file Pooling and its gradients as ONNX nodes. Both leading axes are independent, so any activation layout will do. */
import { elementCount } from '../../contract/tensors.ts';
import type { PoolAttributes } from '../kernels/attributes.ts';
import type { Emitter } from './emitter.ts';

type Shape4 = readonly [number, number, number, number];

function maxPoolNode(emit: Emitter, x: string, pool: PoolAttributes): string[] {
  // Forward and backward ask for the same node; two outputs from the start, so that it is emitted once.
  return emit.emit(
    'MaxPool',
    [x],
    {
      kernel_shape: [...pool.kernel],
      strides: [...pool.strides],
      pads: [...pool.pads],
      dilations: [...pool.dilations],
      ceil_mode: pool.ceil ? 1 : 0,
    },
    2,
  );
}

export function lowerMaxPool(emit: Emitter, x: string, pool: PoolAttributes): string {
  return maxPoolNode(emit, x, pool)[0] ?? '';
}

/** dy is scattered to the flat positions of the maxima; overlapping windows add up. */
export function lowerMaxPoolGrad(emit: Emitter, x: string, xShape: Shape4, dy: string, dyShape: Shape4, pool: PoolAttributes): string {
  const indices = maxPoolNode(emit, x, pool)[1] ?? '';
  const total = elementCount(xShape);
  const outputs = elementCount(dyShape);
  const zeros = emit.one('Expand', [emit.scalar(0), emit.int64([total])]);
  const scattered = emit.one(
    'ScatterElements',
    [zeros, emit.reshape(indices, dyShape, [outputs]), emit.reshape(dy, dyShape, [outputs])],
    { axis: 0, reduction: 'add' },
  );
  return emit.reshape(scattered, [total], xShape);
}

export function lowerAveragePool(emit: Emitter, x: string, [, , h, w]: Shape4, pool: PoolAttributes): string {
  if (coversAll(pool, h, w)) return emit.one('ReduceMean', [x], { axes: [2, 3], keepdims: 1 });
  return emit.one('AveragePool', [x], {
    kernel_shape: [...pool.kernel],
    strides: [...pool.strides],
    pads: [...pool.pads],
    ceil_mode: pool.ceil ? 1 : 0,
    count_include_pad: pool.includePad ? 1 : 0,
  });
}

/** dy / (number of pixels averaged) spread over each window: a transposed convolution with ones. */
export function lowerAveragePoolGrad(
  emit: Emitter,
  dy: string,
  [a, b, oh, ow]: Shape4,
  pool: PoolAttributes & { inputSize: [number, number] },
): string {
  const [h, w] = pool.inputSize;
  const divided = emit.one('Mul', [dy, emit.float([1, 1, oh, ow], inverseCounts(pool, h, w, oh, ow))]);
  if (coversAll(pool, h, w)) return emit.one('Expand', [divided, emit.int64([a, b, h, w])]);
  const [kh, kw] = pool.kernel;
  const [top, left] = pool.pads;
  const full = emit.one(
    'ConvTranspose',
    [emit.reshape(divided, [a, b, oh, ow], [a * b, 1, oh, ow]), emit.float([1, 1, kh, kw], new Float32Array(kh * kw).fill(1))],
    { kernel_shape: [kh, kw], strides: [...pool.strides] },
  );
  // The full result starts at −pad; take the input's part, zero where windows did not reach.
  const fh = (oh - 1) * pool.strides[0] + kh;
  const fw = (ow - 1) * pool.strides[1] + kw;
  const fitted = emit.one('Pad', [full, emit.int64([0, 0, -top, -left, 0, 0, h + top - fh, w + left - fw])]);
  return emit.reshape(fitted, [a * b, 1, h, w], [a, b, h, w]);
}

function coversAll(pool: PoolAttributes, h: number, w: number): boolean {
  return pool.kernel[0] === h && pool.kernel[1] === w && pool.pads.every((pad) => pad === 0);
}

/** 1 / number of pixels that each window averages. */
export function inverseCounts(pool: PoolAttributes, h: number, w: number, oh: number, ow: number): Float32Array {
  const counts = new Float32Array(oh * ow);
  const [top, left, bottom, right] = pool.pads;
  const span = (output: number, stride: number, kernel: number, before: number, size: number, after: number): number => {
    const start = output * stride - before;
    // Padding counts when asked for, but what ceil mode adds beyond it never does.
    const lowest = pool.includePad ? -before : 0;
    const highest = pool.includePad ? size + after : size;
    return Math.max(Math.min(start + kernel, highest) - Math.max(start, lowest), 1);
  };
  for (let row = 0; row < oh; row++) {
    for (let column = 0; column < ow; column++) {
      counts[row * ow + column] =
        1 / (span(row, pool.strides[0], pool.kernel[0], top, h, bottom) * span(column, pool.strides[1], pool.kernel[1], left, w, right));
    }
  }
  return counts;
}

