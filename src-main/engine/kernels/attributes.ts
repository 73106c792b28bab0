/** @file Attributes and shape rules of our kernels, shared by gradients, eager forms and lowering. */
import type { ActivationLayout } from '../types.ts';

/** Index of the batch and the channel axis of a 4-D activation; spatial axes are always 2 and 3. */
export function batchAxis(layout: ActivationLayout): 0 | 1 {
  return layout === 'nchw' ? 0 : 1;
}
export function channelAxis(layout: ActivationLayout): 0 | 1 {
  return layout === 'nchw' ? 1 : 0;
}

/** Shape of a 4-D activation in the given layout. */
export function activationShape(layout: ActivationLayout, n: number, c: number, h: number, w: number): number[] {
  return layout === 'nchw' ? [n, c, h, w] : [c, n, h, w];
}

export interface Activation {
  n: number;
  c: number;
  h: number;
  w: number;
}

/** Reads [n, c, h, w] off a 4-D shape. */
export function activationOf(layout: ActivationLayout, shape: readonly number[]): Activation {
  const [a = 0, b = 0, h = 0, w = 0] = shape;
  return layout === 'nchw' ? { n: a, c: b, h, w } : { n: b, c: a, h, w };
}

export interface WindowAttributes {
  layout: ActivationLayout;
  /** [kh, kw] */
  kernel: [number, number];
  strides: [number, number];
  /** [top, left, bottom, right] */
  pads: [number, number, number, number];
  dilations: [number, number];
}

export interface ConvAttributes extends WindowAttributes {
  groups: number;
}

export interface PoolAttributes extends WindowAttributes {
  /** Count padding as zeros in averages. */
  includePad: boolean;
  /** Round the output size up (ONNX ceil_mode). */
  ceil: boolean;
}

/** Output size of one spatial axis (ONNX Conv and pooling). */
export function windowOutput(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padBefore: number,
  padAfter: number,
  ceil = false,
): number {
  const span = size + padBefore + padAfter - ((kernel - 1) * dilation + 1);
  if (!ceil) return Math.floor(span / stride) + 1;
  let output = Math.ceil(span / stride) + 1;
  // A window that would start beyond input and left padding is dropped (PyTorch and ONNX agree).
  if ((output - 1) * stride >= size + padBefore) output--;
  return output;
}

/** [oh, ow] of a window operator on a [.., .., h, w] activation. */
export function windowOutputs(attributes: WindowAttributes, h: number, w: number, ceil = false): [number, number] {
  const { kernel, strides, dilations, pads } = attributes;
  return [
    windowOutput(h, kernel[0], strides[0], dilations[0], pads[0], pads[2], ceil),
    windowOutput(w, kernel[1], strides[1], dilations[1], pads[1], pads[3], ceil),
  ];
}
