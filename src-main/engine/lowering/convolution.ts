/**
 * @file Convolutions and their gradients as standard ONNX nodes.
 *
 * [Note: Activations as [C, N, H, W]] With the channel first, [C, N·H·W] is a matrix and a convolution is one large
 * product over the whole batch instead of one small product per picture. A two-dimensional convolution becomes a
 * three-dimensional one with the pictures as depth and a filter of depth 1: [1, C, N, H, W] * [O, C, 1, kh, kw].
 * The gradient of the filter is the convolution of [1, N, C, H, W] with dy [O, N, 1, oh, ow]: again one product, whose
 * output is already in the filter's own order.
 */
import type { ConvAttributes } from '../kernels/attributes.ts';
import { lowerBlockedConv, lowerBlockedConvGradInput, lowerBlockedFilterGradient, suitsBlockedConv, suitsBlockedConvGradInput, suitsBlockedFilterGradient } from './blocked.ts';
import { conv2dAttributes } from './conv2d-attributes.ts';
import type { Emitter } from './emitter.ts';
import { placeTaps, spreadOut, weave } from './selection.ts';

type Size = readonly [number, number];
/** [C, N, H, W] */
type Shape4 = readonly [number, number, number, number];

export function lowerConv(emit: Emitter, x: string, xShape: Shape4, w: string, wShape: Shape4, conv: ConvAttributes): string {
  const [channels, n, h, width] = xShape;
  const [outputs, perGroup, kh, kw] = wShape;
  const [oh, ow] = outputSize(conv, [h, width]);
  if (isPointwise(conv)) {
    const product = emit.one('MatMul', [
      emit.reshape(w, wShape, [outputs, channels]),
      emit.reshape(x, xShape, [channels, n * h * width]),
    ]);
    return emit.reshape(product, [outputs, n * h * width], [outputs, n, h, width]);
  }
  if (suitsBlockedConv(emit, xShape, wShape, conv)) return lowerBlockedConv(emit, x, xShape, w, wShape, conv, [oh, ow]);
  if (conv.groups > 1) {
    const y = emit.one('Conv', [emit.transpose(x, xShape, [1, 0, 2, 3]), w], conv2dAttributes(conv));
    return emit.transpose(y, [n, outputs, oh, ow], [1, 0, 2, 3]);
  }
  const y = emit.one(
    'Conv',
    [emit.reshape(x, xShape, [1, channels, n, h, width]), emit.reshape(w, wShape, [outputs, perGroup, 1, kh, kw])],
    conv3dAttributes(conv),
  );
  return emit.reshape(y, [1, outputs, n, oh, ow], [outputs, n, oh, ow]);
}

export function lowerConvGradInput(
  emit: Emitter,
  dy: string,
  dyShape: Shape4,
  w: string,
  wShape: Shape4,
  conv: ConvAttributes & { inputSize: Size },
): string {
  const [outputs, n, oh, ow] = dyShape;
  const [, perGroup, kh, kw] = wShape;
  const channels = perGroup * conv.groups;
  const [h, width] = conv.inputSize;
  if (kh === 1 && kw === 1 && conv.groups === 1 && conv.pads.every((pad) => pad === 0)) {
    const product = emit.one('Gemm', [emit.reshape(w, wShape, [outputs, channels]), emit.reshape(dy, dyShape, [outputs, n * oh * ow])], { transA: 1 });
    return spreadOut(emit, emit.reshape(product, [channels, n * oh * ow], [channels, n, oh, ow]), [channels, n, oh, ow], conv.strides, [h, width]);
  }
  if (conv.groups > 1) {
    const dx = emit.one('ConvTranspose', [emit.transpose(dy, dyShape, [1, 0, 2, 3]), w], {
      ...conv2dAttributes(conv),
      output_padding: outputPadding(conv, [oh, ow]),
    });
    return emit.transpose(dx, [n, channels, h, width], [1, 0, 2, 3]);
  }
  const blocked = suitsBlockedConvGradInput(emit, wShape, conv);
  // On a handful of pixels the filter is the larger operand: it is used as it lies, and the product is added up tap by tap.
  if (n * oh * ow < channels / 2 && !(blocked && n % emit.channelBlock === 0)) return lowerByTaps(emit, dy, dyShape, w, wShape, conv);
  if (conv.strides[0] === 1 && conv.strides[1] === 1) {
    const reach: Size = [(kh - 1) * conv.dilations[0], (kw - 1) * conv.dilations[1]];
    const [top, left, bottom, right] = conv.pads;
    const pads: [number, number, number, number] = [reach[0] - top, reach[1] - left, reach[0] - bottom, reach[1] - right];
    if (pads.every((pad) => pad >= 0)) {
      if (blocked) {
        const reversed = Array.from({ length: kh * kw }, (_, tap) => kh * kw - 1 - tap);
        return lowerBlockedConvGradInput(emit, dy, dyShape, w, wShape, reversed, { ...conv, pads }, conv.inputSize);
      }
      const flipped = flipAndSwap(emit, w, wShape);
      const dx = emit.one('Conv', [emit.reshape(dy, dyShape, [1, outputs, n, oh, ow]), emit.reshape(flipped, [channels, outputs, kh, kw], [channels, outputs, 1, kh, kw])], conv3dAttributes({ ...conv, pads }));
      return emit.reshape(dx, [1, channels, n, h, width], [channels, n, h, width]);
    }
  }
  const phases = phasesOf(conv, [oh, ow]);
  if (phases !== undefined) return lowerPhases(emit, dy, dyShape, w, wShape, conv, phases);
  const dx = emit.one('ConvTranspose', [emit.reshape(dy, dyShape, [1, outputs, n, oh, ow]), emit.reshape(w, wShape, [outputs, perGroup, 1, kh, kw])], {
    ...conv3dAttributes(conv),
    output_padding: [0, ...outputPadding(conv, [oh, ow])],
  });
  return emit.reshape(dx, [1, channels, n, h, width], [channels, n, h, width]);
}

export function lowerConvGradFilter(
  emit: Emitter,
  x: string,
  xShape: Shape4,
  dy: string,
  dyShape: Shape4,
  conv: ConvAttributes,
): string {
  const [channels, n, h, width] = xShape;
  const [outputs, , oh, ow] = dyShape;
  const [kh, kw] = conv.kernel;
  if (kh === 1 && kw === 1 && conv.groups === 1 && conv.pads.every((pad) => pad === 0)) {
    const used = takeEvery(emit, x, xShape, conv.strides, [oh, ow]);
    const dw = emit.one('Gemm', [emit.reshape(dy, dyShape, [outputs, n * oh * ow]), emit.reshape(used, [channels, n, oh, ow], [channels, n * oh * ow])], { transB: 1 });
    return emit.reshape(dw, [outputs, channels], [outputs, channels, 1, 1]);
  }
  if (suitsBlockedFilterGradient(emit, xShape, dyShape, conv)) return lowerBlockedFilterGradient(emit, x, xShape, dy, dyShape, conv);
  if (conv.groups === 1) {
    const x5 = emit.reshape(emit.transpose(x, xShape, [1, 0, 2, 3]), [n, channels, h, width], [1, n, channels, h, width]);
    const [top, left] = conv.pads;
    const [bottom, right] = tightPads(conv, [h, width], [oh, ow]);
    const raw = emit.one('Conv', [x5, emit.reshape(dy, dyShape, [outputs, n, 1, oh, ow])], {
      kernel_shape: [1, oh, ow],
      dilations: [1, ...conv.strides],
      strides: [1, ...conv.dilations],
      pads: [0, top, left, 0, bottom, right],
    });
    const [rh, rw] = rawFilterSize({ ...conv, pads: [top, left, bottom, right] }, [h, width], [oh, ow]);
    const cut = cutTo(emit, raw, [1, outputs, channels, rh, rw], [kh, kw]);
    return emit.reshape(cut, [1, outputs, channels, kh, kw], [outputs, channels, kh, kw]);
  }
  return lowerGroupedFilterGradient(emit, x, xShape, dy, dyShape, conv);
}

/** Depthwise: each channel's pictures are the input channels of one group. Other groupings: one group after another. */
function lowerGroupedFilterGradient(emit: Emitter, x: string, xShape: Shape4, dy: string, dyShape: Shape4, conv: ConvAttributes): string {
  const [channels, n, h, width] = xShape;
  const [outputs, , oh, ow] = dyShape;
  const [kh, kw] = conv.kernel;
  const { groups } = conv;
  const perGroup = channels / groups;
  if (perGroup === 1) {
    const raw = emit.one('Conv', [emit.reshape(x, xShape, [1, channels * n, h, width]), dy], {
      kernel_shape: [oh, ow],
      dilations: [...conv.strides],
      strides: [...conv.dilations],
      pads: [...conv.pads],
      group: groups,
    });
    const [rh, rw] = rawFilterSize(conv, [h, width], [oh, ow]);
    const cut = cutTo(emit, raw, [1, outputs, rh, rw], [kh, kw]);
    return emit.reshape(cut, [1, outputs, kh, kw], [outputs, 1, kh, kw]);
  }
  const outputsPerGroup = outputs / groups;
  const parts = Array.from({ length: groups }, (_, group) => {
    const xPart = slice(emit, x, 0, group * perGroup, perGroup);
    const dyPart = slice(emit, dy, 0, group * outputsPerGroup, outputsPerGroup);
    return lowerConvGradFilter(emit, xPart, [perGroup, n, h, width], dyPart, [outputsPerGroup, n, oh, ow], { ...conv, groups: 1 });
  });
  return emit.one('Concat', parts, { axis: 0 });
}

function isPointwise(conv: ConvAttributes): boolean {
  const ones = [...conv.kernel, ...conv.strides, conv.groups];
  return ones.every((value) => value === 1) && conv.pads.every((pad) => pad === 0);
}

function outputSize(conv: ConvAttributes, [h, w]: Size): [number, number] {
  const axis = (size: number, index: 0 | 1): number =>
    Math.floor((size + conv.pads[index] + conv.pads[index + 2 as 2 | 3] - ((conv.kernel[index] - 1) * conv.dilations[index] + 1)) / conv.strides[index]) + 1;
  return [axis(h, 0), axis(w, 1)];
}

/** Size of the correlation of x with dy: at least the filter, more where the stride did not use the last pixels. */
function rawFilterSize(conv: ConvAttributes, [h, w]: Size, [oh, ow]: Size): [number, number] {
  const axis = (size: number, output: number, index: 0 | 1): number =>
    Math.floor((size + conv.pads[index] + conv.pads[index + 2 as 2 | 3] - ((output - 1) * conv.strides[index] + 1)) / conv.dilations[index]) + 1;
  return [axis(h, oh, 0), axis(w, ow, 1)];
}

/** Padding at the end that is of use: rows that the stride never reached would only be computed and cut off. */
function tightPads(conv: ConvAttributes, size: Size, outputs: Size): [number, number] {
  const raw = rawFilterSize(conv, size, outputs);
  const axis = (index: 0 | 1): number => conv.pads[index + 2 as 2 | 3] - Math.min((raw[index] - conv.kernel[index]) * conv.dilations[index], conv.pads[index + 2 as 2 | 3]);
  return [axis(0), axis(1)];
}

/** What ConvTranspose must add at the end so that it returns the input's size: pixels the stride did not reach. */
function outputPadding(conv: ConvAttributes & { inputSize: Size }, [oh, ow]: Size): number[] {
  const axis = (size: number, output: number, index: 0 | 1): number =>
    size - ((output - 1) * conv.strides[index] + (conv.kernel[index] - 1) * conv.dilations[index] + 1 - conv.pads[index] - conv.pads[index + 2 as 2 | 3]);
  return [axis(conv.inputSize[0], oh, 0), axis(conv.inputSize[1], ow, 1)];
}

function conv3dAttributes(conv: ConvAttributes): Record<string, number | number[]> {
  const [top, left, bottom, right] = conv.pads;
  return {
    kernel_shape: [1, ...conv.kernel],
    strides: [1, ...conv.strides],
    pads: [0, top, left, 0, bottom, right],
    dilations: [1, ...conv.dilations],
  };
}

/** Wᵀ·dy as one product [N·oh·ow, C·kh·kw], each number of which is then added where it belongs. */
function lowerByTaps(
  emit: Emitter,
  dy: string,
  dyShape: Shape4,
  w: string,
  [outputs, channels, kh, kw]: Shape4,
  conv: ConvAttributes & { inputSize: Size },
): string {
  const [, n, oh, ow] = dyShape;
  const [h, width] = conv.inputSize;
  const taps = kh * kw;
  const product = emit.one('Gemm', [emit.reshape(dy, dyShape, [outputs, n * oh * ow]), emit.reshape(w, [outputs, channels, kh, kw], [outputs, channels * taps])], { transA: 1 });
  const perPixel = [n, oh * ow, channels, taps];
  const perChannel = emit.transpose(emit.reshape(product, [n * oh * ow, channels * taps], perPixel), perPixel, [2, 0, 1, 3]);
  const rows = emit.reshape(perChannel, [channels, n, oh * ow, taps], [channels * n, oh * ow * taps]);
  const placed = placeTaps(emit, rows, { ...conv, outputs: [oh, ow], inputs: [h, width] });
  return emit.reshape(placed, [channels * n, h * width], [channels, n, h, width]);
}

interface Phase {
  /** Taps of the filter that reach this phase, last first. */
  taps: number[];
  padBefore: number;
  padAfter: number;
}

/**
 * One axis of the gradient of a convolution with stride 2. Pixel 2a + phase of the input is reached by every other tap only, so
 * each phase is a small convolution of dy without a single wasted product: out[a] = Σₜ W[i₀ + 2t]·dy[a + q − t].
 */
function axisPhases(size: number, output: number, kernel: number, pad: number): Phase[] | undefined {
  if (size % 2 !== 0 || kernel < 2) return undefined;
  const phases = [0, 1].map((phase) => {
    const first = (phase + pad) % 2;
    const taps: number[] = [];
    for (let tap = first; tap < kernel; tap += 2) taps.unshift(tap);
    const q = (phase + pad - first) / 2;
    return { taps, padBefore: taps.length - 1 - q, padAfter: size / 2 + q - output };
  });
  return phases.every(({ taps, padBefore, padAfter }) => taps.length > 0 && padBefore >= 0 && padAfter >= 0) ? phases : undefined;
}

function phasesOf(conv: ConvAttributes & { inputSize: Size }, [oh, ow]: Size): [Phase[], Phase[]] | undefined {
  if (conv.strides[0] !== 2 || conv.strides[1] !== 2 || conv.dilations[0] !== 1 || conv.dilations[1] !== 1) return undefined;
  const rows = axisPhases(conv.inputSize[0], oh, conv.kernel[0], conv.pads[0]);
  const columns = axisPhases(conv.inputSize[1], ow, conv.kernel[1], conv.pads[1]);
  return rows === undefined || columns === undefined ? undefined : [rows, columns];
}

/** Four convolutions, then their pixels interleaved. */
function lowerPhases(
  emit: Emitter,
  dy: string,
  dyShape: Shape4,
  w: string,
  wShape: Shape4,
  conv: ConvAttributes & { inputSize: Size },
  [rows, columns]: [Phase[], Phase[]],
): string {
  const [outputs, n, oh, ow] = dyShape;
  const [, channels, kh, kw] = wShape;
  const [h, width] = conv.inputSize;
  const part: Shape4 = [channels, n, h / 2, width / 2];
  const blocked = suitsBlockedConvGradInput(emit, wShape, conv);
  const dy5 = emit.reshape(dy, dyShape, [1, outputs, n, oh, ow]);
  const filters = emit.reshape(w, [outputs, channels, kh, kw], [outputs * channels, kh * kw]);
  const parts: string[] = [];
  for (const row of rows) {
    for (const column of columns) {
      const chosen = row.taps.flatMap((i) => column.taps.map((j) => i * kw + j));
      const kernel: [number, number] = [row.taps.length, column.taps.length];
      const pads: [number, number, number, number] = [row.padBefore, column.padBefore, row.padAfter, column.padAfter];
      if (blocked) {
        parts.push(lowerBlockedConvGradInput(emit, dy, dyShape, w, wShape, chosen, { ...conv, kernel, pads, strides: [1, 1] }, [h / 2, width / 2]));
        continue;
      }
      const selection = new Float32Array(kh * kw * chosen.length);
      chosen.forEach((tap, index) => (selection[tap * chosen.length + index] = 1));
      const key = `select${String(kh * kw)}:${chosen.join(',')}`;
      const picked = emit.one('MatMul', [filters, emit.shared(key, [kh * kw, chosen.length], selection)]);
      const shape = [outputs, channels, chosen.length];
      const swapped = emit.transpose(emit.reshape(picked, [outputs * channels, chosen.length], shape), shape, [1, 0, 2]);
      const dx = emit.one('Conv', [dy5, emit.reshape(swapped, [channels, outputs, chosen.length], [channels, outputs, 1, ...kernel])], {
        kernel_shape: [1, ...kernel],
        pads: [0, row.padBefore, column.padBefore, 0, row.padAfter, column.padAfter],
      });
      parts.push(emit.reshape(dx, [1, ...part], part));
    }
  }
  return weave(emit, parts, [channels, n, h, width]);
}

/**
 * [O, C, kh, kw] → [C, O, kh, kw] with both spatial axes reversed. The reversal is a product with the exchange matrix: exact, and
 * several times faster than gathering single numbers.
 */
function flipAndSwap(emit: Emitter, w: string, [outputs, channels, kh, kw]: Shape4): string {
  const taps = kh * kw;
  const exchange = new Float32Array(taps * taps);
  for (let tap = 0; tap < taps; tap++) exchange[tap * taps + (taps - 1 - tap)] = 1;
  const rows = emit.reshape(w, [outputs, channels, kh, kw], [outputs * channels, taps]);
  const flipped = emit.one('MatMul', [rows, emit.shared(`exchange${String(taps)}`, [taps, taps], exchange)]);
  const swapped = emit.transpose(emit.reshape(flipped, [outputs * channels, taps], [outputs, channels, taps]), [outputs, channels, taps], [1, 0, 2]);
  return emit.reshape(swapped, [channels, outputs, taps], [channels, outputs, kh, kw]);
}

/** Every stride-th pixel of [C, N, H, W], `count` of them. */
function takeEvery(emit: Emitter, x: string, [, , h, w]: Shape4, strides: readonly [number, number], [oh, ow]: Size): string {
  if (strides[0] === 1 && strides[1] === 1 && h === oh && w === ow) return x;
  return emit.one('Slice', [
    x,
    emit.int64([0, 0]),
    emit.int64([(oh - 1) * strides[0] + 1, (ow - 1) * strides[1] + 1]),
    emit.int64([2, 3]),
    emit.int64(strides),
  ]);
}

function cutTo(emit: Emitter, value: string, shape: readonly number[], [kh, kw]: Size): string {
  const rank = shape.length;
  if (shape[rank - 2] === kh && shape[rank - 1] === kw) return value;
  return emit.one('Slice', [value, emit.int64([0, 0]), emit.int64([kh, kw]), emit.int64([rank - 2, rank - 1])]);
}

function slice(emit: Emitter, value: string, axis: number, begin: number, length: number): string {
  return emit.one('Slice', [value, emit.int64([begin]), emit.int64([begin + length]), emit.int64([axis])]);
}
