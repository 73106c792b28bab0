/**
 * @file Instance parameters: a temperature σ_i = exp(s_i) per training picture, learnt with the network (Saxena, Tuzel and DeCoste,
 * Data Parameters, NeurIPS 2019, section 3; per task as in Vasu et al., arXiv 2106.06129):
 *
 *     L = (1/B)·Σ_i CE(z_i/σ_i, y_i)        u_i = z_i/σ_i        dL/ds_i = −(1/B)·Σ_k (softmax(u_i)_k − y_ik)·u_ik
 *
 * A picture whose label the network keeps contradicting gets a large σ and with it a smaller share in the gradient: a large σ is a
 * suspicion. σ belongs to the run; nothing of it is stored with the task. Every picture is moved only in the batches it is in, its
 * momentum included (SGD outside the engine's optimiser, which would move all of them in every step).
 */
import type { FloatTensor } from '../contract/tensors.ts';
import { crossEntropy, softmax } from '../core/metrics.ts';

/** As published. */
const MOMENTUM = 0.9;
const LARGEST_SIGMA = 20;
const LIMIT = Math.log(LARGEST_SIGMA);

/** Entries of a checkpoint. */
const PREFIX = 'confidence/';
const ENTRIES = ['logSigma', 'momentum', 'lossSum', 'visits'] as const;

export interface PictureConfidence {
  /** 1/20..20; starts at 1. */
  sigma: number;
  /** Mean cross-entropy of the picture's training views, at σ = 1. */
  trainLoss: number;
}

export class SampleConfidence {
  readonly #rate: number;
  readonly #values: Record<(typeof ENTRIES)[number], Float32Array>;

  /**
   * @param count training pictures
   * @param rate step size of s, above 0
   */
  constructor(count: number, rate: number) {
    this.#rate = rate;
    this.#values = { logSigma: new Float32Array(count), momentum: new Float32Array(count), lossSum: new Float32Array(count), visits: new Float32Array(count) };
  }

  /** 1/σ of the pictures of a batch; 1 for the rest of `batchSize`. */
  inverseSigma(positions: readonly number[], batchSize: number): Float32Array {
    return Float32Array.from({ length: batchSize }, (_, row) => Math.exp(-(this.#values.logSigma[positions[row] ?? -1] ?? 0)));
  }

  /**
   * One step of every picture of a batch.
   * @param logits z, row-major [batch, classes], before division by σ
   */
  update(positions: readonly number[], labels: readonly number[], logits: Float32Array, classes: number): void {
    const { logSigma, momentum, lossSum, visits } = this.#values;
    positions.forEach((position, row) => {
      const label = labels[row] ?? -1;
      const z = logits.subarray(row * classes, (row + 1) * classes);
      const inverse = Math.exp(-(logSigma[position] ?? 0));
      const u = z.map((value) => value * inverse);
      const gradient = -softmax(u).reduce((sum, probability, k) => sum + (probability - (k === label ? 1 : 0)) * (u[k] ?? 0), 0) / positions.length;
      const step = MOMENTUM * (momentum[position] ?? 0) + gradient;
      momentum[position] = step;
      logSigma[position] = Math.min(LIMIT, Math.max(-LIMIT, (logSigma[position] ?? 0) - this.#rate * step));
      lossSum[position] = (lossSum[position] ?? 0) + crossEntropy(z, label);
      visits[position] = (visits[position] ?? 0) + 1;
    });
  }

  /** Of every training picture, in their order. */
  results(): PictureConfidence[] {
    const { logSigma, lossSum, visits } = this.#values;
    return Array.from(logSigma, (value, position) => ({ sigma: Math.exp(value), trainLoss: (lossSum[position] ?? 0) / Math.max(1, visits[position] ?? 0) }));
  }

  /** The snapshot with everything that is needed to go on. */
  addTo(snapshot: ReadonlyMap<string, FloatTensor>): Map<string, FloatTensor> {
    return new Map([...snapshot, ...ENTRIES.map((name): [string, FloatTensor] => [PREFIX + name, { shape: [this.#values[name].length], data: this.#values[name].slice() }])]);
  }

  /** Inverse of `addTo`: takes over what is its own and returns the rest. */
  takeFrom(snapshot: ReadonlyMap<string, FloatTensor>): Map<string, FloatTensor> {
    const rest = new Map(snapshot);
    for (const name of ENTRIES) {
      const stored = rest.get(PREFIX + name);
      if (stored?.data.length === this.#values[name].length) this.#values[name].set(stored.data);
      rest.delete(PREFIX + name);
    }
    return rest;
  }
}
