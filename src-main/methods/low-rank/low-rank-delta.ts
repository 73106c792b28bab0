/**
 * @file w = W̄ + (α/r)·B·A with B [O, r] and A [r, K] (Hu et al., ICLR 2022, arXiv 2106.09685, section 4.1). With G = dL/dw as [O, K]:
 * dL/dB = (α/r)·G·Aᵀ and dL/dA = (α/r)·Bᵀ·G. B starts at 0, A uniform in ±1/√K (the published code's Kaiming start).
 */
import type { FloatTensor } from '../../contract/tensors.ts';
import { matrixShape } from '../../core/effective-weight.ts';
import type { RandomStream } from '../../core/random.ts';
import { tf, type Tensor } from '../../engine/tfjs.ts';
import { part, type Reparameterisation } from '../reparameterisation.ts';

export interface LowRankOptions {
  /** Of the weight. */
  shape: readonly number[];
  /** 1..min(O, K). */
  rank: number;
  /** α/r. */
  scale: number;
  /** Draws A. */
  stream: () => RandomStream;
}

export function lowRankDelta({ shape, rank, scale, stream }: LowRankOptions): Reparameterisation {
  const { rows, columns } = matrixShape(shape);
  const asMatrix = (tensor: Tensor): Tensor => tf.reshape(tensor, [rows, columns]);
  const scaled = (tensor: Tensor): Tensor => (scale === 1 ? tensor : tf.mul(tensor, tf.scalar(scale)));
  return {
    start() {
      const numbers = stream();
      const bound = 1 / Math.sqrt(columns);
      return {
        left: { shape: [rows, rank], data: new Float32Array(rows * rank) },
        right: { shape: [rank, columns], data: Float32Array.from({ length: rank * columns }, () => (2 * numbers.uniform() - 1) * bound) },
      };
    },
    weight: (base, parts) => tf.add(base, tf.reshape(tf.matMul(scaled(part(parts, 'left')), part(parts, 'right')), [...shape])),
    gradients(weightGradient, _base, parts) {
      const g = asMatrix(weightGradient);
      return {
        left: scaled(tf.matMul(g, part(parts, 'right'), false, true)),
        right: tf.matMul(scaled(part(parts, 'left')), g, true, false),
      };
    },
    stored: (parts) => ({ kind: 'low-rank', left: scaledBy(part(parts, 'left'), scale), right: part(parts, 'right') }),
    storedBytes: 4 * rank * (rows + columns),
    decays: true,
  };
}

/** α/r is folded into the left factor. */
function scaledBy({ shape, data }: FloatTensor, scale: number): FloatTensor {
  return { shape, data: data.map((value) => value * scale) };
}
