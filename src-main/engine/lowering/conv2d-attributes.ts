/** @file A two-dimensional convolution's attributes as ONNX nodes and the runtime's blocked one have them. */
import type { ConvAttributes } from '../kernels/attributes.ts';

export function conv2dAttributes(conv: ConvAttributes): Record<string, number | number[]> {
  return { kernel_shape: [...conv.kernel], strides: [...conv.strides], pads: [...conv.pads], dilations: [...conv.dilations], group: conv.groups };
}
