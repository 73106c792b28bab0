/** @file The gradient of max pooling for GPUs: the provider's MaxPool gives no positions, so they are found by comparing. */
import type { PoolAttributes } from '../kernels/attributes.ts';
import type { Emitter } from '../lowering/emitter.ts';
import { takeWindow } from './lower-convolution.ts';

type Shape4 = readonly [number, number, number, number];

/** Stands outside the input; infinities have no literal in shaders. */
const LOWEST = -3.4e38;

/** Of several outputs the provider can give one. */
export function maxPool(emit: Emitter, x: string, pool: PoolAttributes): string {
  return emit.one('MaxPool', [x], { kernel_shape: [...pool.kernel], strides: [...pool.strides], pads: [...pool.pads], dilations: [...pool.dilations], ceil_mode: pool.ceil ? 1 : 0 });
}

/**
 * dL/dx, all of it to the first maximum in row-major order within each window. For every tap of the window a map says where it was the
 * first to equal the maximum; the maps times dy, as channels, are put back by one transposed convolution with a filter of ones and zeros.
 */
export function maxPoolGradient(emit: Emitter, { x, y, dy }: { x: string; y: string; dy: string }, xShape: Shape4, dyShape: Shape4, pool: PoolAttributes): string {
  const [n, c, h, w] = xShape;
  const [, , oh, ow] = dyShape;
  const [kh, kw] = pool.kernel;
  const [sh, sw] = pool.strides;
  const [top, left] = pool.pads;
  const reach = [(oh - 1) * sh + (kh - 1) * pool.dilations[0] + 1, (ow - 1) * sw + (kw - 1) * pool.dilations[1] + 1] as const;
  const after = [Math.max(reach[0] - top - h, 0), Math.max(reach[1] - left - w, 0)] as const;
  const full = top + left + after[0] + after[1] === 0 ? x : emit.one('Pad', [x, emit.int64([0, 0, top, left, 0, 0, ...after]), emit.scalar(LOWEST)]);
  const flat: Shape4 = [n * c, 1, oh, ow];
  const maps: string[] = [];
  let taken: string | undefined;
  for (let i = 0; i < kh; i++) {
    for (let j = 0; j < kw; j++) {
      const start = [i * pool.dilations[0], j * pool.dilations[1]] as const;
      const view = emit.one('Slice', [full, emit.int64(start), emit.int64([start[0] + (oh - 1) * sh + 1, start[1] + (ow - 1) * sw + 1]), emit.int64([2, 3]), emit.int64([sh, sw])]);
      const equal = emit.one('Cast', [emit.one('Equal', [view, y])], { to: 1 });
      // Equal here, and at no tap before.
      const first = taken === undefined ? equal : emit.one('Relu', [emit.one('Sub', [equal, taken])]);
      taken = taken === undefined ? equal : emit.one('Add', [taken, first]);
      maps.push(emit.reshape(emit.one('Mul', [first, dy]), dyShape, flat));
    }
  }
  const stacked = maps.length === 1 ? (maps[0] ?? '') : emit.one('Concat', maps, { axis: 1 });
  const filter = new Float32Array(kh * kw * kh * kw);
  for (let tap = 0; tap < kh * kw; tap++) filter[tap * kh * kw + tap] = 1;
  const placed = emit.one('ConvTranspose', [stacked, emit.shared(`places${String(kh)}x${String(kw)}`, [kh * kw, 1, kh, kw], filter)], {
    kernel_shape: [kh, kw],
    strides: [sh, sw],
    dilations: [...pool.dilations],
  });
  return emit.reshape(takeWindow(emit, placed, reach, [top, left], [h, w]), [n * c, 1, h, w], xShape);
}
