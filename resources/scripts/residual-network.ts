/**
 * @file The architecture of the embedded base: a small residual network with batch normalisation (He et al., CVPR 2016,
 * section 4.2, wider and shallower), built as a model graph with PyTorch-like names.
 */
import { RandomStream } from '../../src-main/core/random.ts';
import type { HostTensor } from '../../src-main/contract/tensors.ts';
import type { AttributeValue, Graph, GraphNode } from '../../src-main/graph/types.ts';

export interface ResidualOptions {
  /** Channels of the three stages, at 32, 16 and 8 pixels. */
  widths: [number, number, number];
  /** Residual blocks (two convolutions each) per stage. */
  blocks: number;
  classes: number;
  seed: number;
  metadata: Record<string, string>;
}

export function residualNetwork({ widths, blocks, classes, seed, metadata }: ResidualOptions): Graph {
  const nodes: GraphNode[] = [];
  const initializers = new Map<string, HostTensor>();
  const stream = new RandomStream(seed, 'head', 1);
  const float = (name: string, shape: number[], make: () => number): string => {
    const count = shape.reduce((product, size) => product * size, 1);
    initializers.set(name, { dtype: 'float32', shape, data: Float32Array.from({ length: count }, make) });
    return name;
  };
  const node = (op: string, inputs: string[], output: string, attributes: Record<string, AttributeValue> = {}): string => {
    nodes.push({ name: `${output}/${op}`, op, inputs, outputs: [output], attributes });
    return output;
  };
  const ints = (...value: number[]): AttributeValue => ({ kind: 'ints', value });

  /** Convolution without bias (He initialisation) and batch normalisation. */
  const convNorm = (input: string, name: string, from: number, to: number, kernel: number, stride: number): string => {
    const deviation = Math.sqrt(2 / (to * kernel * kernel));
    const weight = float(`${name}.conv.weight`, [to, from, kernel, kernel], () => stream.normal() * deviation);
    const pad = (kernel - 1) / 2;
    const y = node('Conv', [input, weight], `${name}.conv`, { kernel_shape: ints(kernel, kernel), strides: ints(stride, stride), pads: ints(pad, pad, pad, pad) });
    const parts: [string, number][] = [['weight', 1], ['bias', 0], ['running_mean', 0], ['running_var', 1]];
    const names = parts.map(([part, value]) => float(`${name}.bn.${part}`, [to], () => value));
    return node('BatchNormalization', [y, ...names], `${name}.bn`, { epsilon: { kind: 'float', value: 1e-5 }, momentum: { kind: 'float', value: 0.9 } });
  };

  let value = node('Relu', [convNorm('input', 'stem', 3, widths[0], 3, 1)], 'stem.out');
  let channels: number = widths[0];
  widths.forEach((width, stage) => {
    for (let block = 0; block < blocks; block++) {
      const name = `layer${String(stage + 1)}.${String(block)}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const inner = node('Relu', [convNorm(value, `${name}.a`, channels, width, 3, stride)], `${name}.a.out`);
      const outer = convNorm(inner, `${name}.b`, width, width, 3, 1);
      const shortcut = stride === 1 && channels === width ? value : convNorm(value, `${name}.shortcut`, channels, width, 1, stride);
      value = node('Relu', [node('Add', [outer, shortcut], `${name}.sum`)], `${name}.out`);
      channels = width;
    }
  });
  const pooled = node('GlobalAveragePool', [value], 'pool');
  const features = node('Flatten', [pooled], 'features', { axis: { kind: 'int', value: 1 } });
  const bound = 1 / Math.sqrt(channels);
  const headWeight = float('fc.weight', [classes, channels], () => (2 * stream.uniform() - 1) * bound);
  const headBias = float('fc.bias', [classes], () => 0);
  node('Gemm', [features, headWeight, headBias], 'logits', { transB: { kind: 'int', value: 1 } });
  return {
    name: 'cifar10-resnet',
    inputs: [{ name: 'input', dtype: 'float32', shape: ['batch', 3, 'height', 'width'] }],
    outputs: [{ name: 'logits', dtype: 'float32', shape: ['batch', classes] }],
    nodes,
    initializers,
    metadata,
  };
}
