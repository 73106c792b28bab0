/** @file Multinomial logistic regression with an L2 penalty, by accelerated gradients (Nesterov 1983; constants as in Beck and Teboulle 2009). */
import { rowSpace, type RowSpace } from './row-space.ts';

export interface SoftmaxRegression {
  /** [classes, features], row-major. */
  weight: Float32Array;
  /** [classes]. */
  bias: Float32Array;
}

export interface RegressionOptions {
  /** Weight of ½·|W|² per feature of unit mean square. Above 0. */
  penalty: number;
  /** At most. */
  iterations: number;
  /** Ends when no number moves by more than this part of the largest. Default 0: all iterations. */
  tolerance?: number;
}

/** Weights of one penalty in the regression's own coordinates: a place to start from for another one. */
export type Fit = Float64Array<ArrayBuffer>;

/** Steps of the power iteration that bounds the curvature, and what its estimate is multiplied by, as it comes from below. */
const POWER_STEPS = 12;
const CURVATURE_MARGIN = 1.2;
/** Spread below which features are taken for equal, of their mean square. */
const NO_SPREAD = 1e-12;
/** The Hessian of cross-entropy in the logits is at most ½ (Böhning 1992). */
const LOGIT_CURVATURE = 0.5;
/** With this many features per row, or more, the rows' own space is worth finding. */
const WIDE = 2;

/**
 * Minimises the mean cross-entropy of W·(x − mean)/scale + b plus the penalty on W; scale is the root mean square of all entries. The
 * returned weight and bias apply to x itself. Deterministic.
 * @param features [rows, width], row-major
 * @param labels of the rows, 0..classes − 1
 */
export function softmaxRegression(features: Float32Array, labels: readonly number[], classes: number, options: RegressionOptions): SoftmaxRegression {
  const problem = new RegressionProblem(features, labels, classes);
  return problem.modelOf(problem.fit(options));
}

/** What fits with several penalties have in common. */
export class RegressionProblem {
  readonly #labels: Int32Array;
  readonly #classes: number;
  readonly #mean: Float64Array;
  readonly #scale: number;
  /** Standardised; in the coordinates of their own space where there are far fewer rows than features: |W| is the same there. */
  readonly #data: Float64Array;
  readonly #width: number;
  readonly #space: RowSpace | null;
  readonly #curvature: number;

  /** As `softmaxRegression`. */
  constructor(features: Float32Array, labels: readonly number[], classes: number) {
    const rows = labels.length;
    const width = features.length / Math.max(1, rows);
    const { mean, scale, data } = standardised(features, rows, width);
    this.#labels = Int32Array.from(labels);
    this.#classes = classes;
    this.#mean = mean;
    this.#scale = scale;
    this.#space = width >= WIDE * rows ? rowSpace(data, rows, width) : null;
    this.#data = this.#space?.coordinates ?? data;
    this.#width = this.#data.length / Math.max(1, rows);
    this.#curvature = largestCurvature(this.#data, rows, this.#width);
  }

  /** @param from of another penalty; by default no weights, and the classes' frequencies as far as biases can say them */
  fit({ penalty, iterations, tolerance = 0 }: RegressionOptions, from?: Fit): Fit {
    const step = 1 / (LOGIT_CURVATURE * CURVATURE_MARGIN * this.#curvature + penalty);
    // The bias is one more column that is always 1: its curvature is at most that of a centred feature's, and it is not penalised.
    const size = this.#classes * (this.#width + 1);
    let current = from?.slice() ?? this.#start(size);
    let next = new Float64Array(size);
    const ahead = current.slice();
    const gradient = new Float64Array(size);
    const errors = new Float64Array(this.#labels.length * this.#classes);
    let momentum = 1;
    for (let iteration = 0; iteration < iterations; iteration++) {
      this.#gradientAt(ahead, penalty, errors, gradient);
      const nextMomentum = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
      const push = (momentum - 1) / nextMomentum;
      let [largest, moved, uphill] = [0, 0, 0];
      for (let index = 0; index < size; index++) {
        const [before, slope] = [current[index] ?? 0, gradient[index] ?? 0];
        const value = (ahead[index] ?? 0) - step * slope;
        next[index] = value;
        ahead[index] = value + push * (value - before);
        uphill += slope * (value - before);
        largest = Math.max(largest, Math.abs(value));
        moved = Math.max(moved, Math.abs(value - before));
      }
      [current, next] = [next, current];
      momentum = nextMomentum;
      // Momentum that carries uphill starts anew (O'Donoghue and Candès 2015).
      if (uphill > 0) {
        ahead.set(current);
        momentum = 1;
      }
      if (moved <= tolerance * largest) break;
    }
    return current;
  }

  /** A strong penalty makes steps small, and biases would be far from where they belong for long. */
  #start(size: number): Fit {
    const fit = new Float64Array(size);
    const counts = new Float64Array(this.#classes).fill(1);
    for (const label of this.#labels) counts[label] = (counts[label] ?? 0) + 1;
    const mean = counts.reduce((sum, count) => sum + Math.log(count), 0) / this.#classes;
    counts.forEach((count, label) => (fit[label * (this.#width + 1) + this.#width] = Math.log(count) - mean));
    return fit;
  }

  /** In terms of the features as they were given. */
  modelOf(fit: Fit): SoftmaxRegression {
    const width = this.#mean.length;
    const weight = new Float32Array(this.#classes * width);
    const bias = new Float32Array(this.#classes);
    for (let label = 0; label < this.#classes; label++) {
      const at = label * (this.#width + 1);
      const own = fit.subarray(at, at + this.#width);
      const values = this.#space?.expand(own) ?? own;
      let shift = 0;
      for (let column = 0; column < width; column++) {
        const value = (values[column] ?? 0) / this.#scale;
        weight[label * width + column] = value;
        shift += value * (this.#mean[column] ?? 0);
      }
      bias[label] = (fit[at + this.#width] ?? 0) - shift;
    }
    return { weight, bias };
  }

  /** Of mean cross-entropy and penalty at `point` [classes, width + 1]. @param errors [rows, classes], overwritten */
  #gradientAt(point: Float64Array, penalty: number, errors: Float64Array, out: Float64Array): void {
    this.#errorsAt(point, errors);
    const [width, classes, data] = [this.#width, this.#classes, this.#data];
    const rows = this.#labels.length;
    const stride = width + 1;
    for (let label = 0; label < classes; label++) {
      const at = label * stride;
      for (let column = 0; column < width; column++) out[at + column] = penalty * (point[at + column] ?? 0);
      out[at + width] = 0;
      // Four rows at a time: each sum is read and written once for them.
      let row = 0;
      for (; row + 3 < rows; row += 4) {
        const [a, b, c, d] = [errors[row * classes + label] ?? 0, errors[(row + 1) * classes + label] ?? 0, errors[(row + 2) * classes + label] ?? 0, errors[(row + 3) * classes + label] ?? 0];
        const start = row * width;
        for (let column = 0; column < width; column++) {
          const place = start + column;
          out[at + column] = (out[at + column] ?? 0) + a * (data[place] ?? 0) + b * (data[place + width] ?? 0) + c * (data[place + 2 * width] ?? 0) + d * (data[place + 3 * width] ?? 0);
        }
        out[at + width] = (out[at + width] ?? 0) + a + b + c + d;
      }
      for (; row < rows; row++) {
        const error = errors[row * classes + label] ?? 0;
        for (let column = 0; column < width; column++) out[at + column] = (out[at + column] ?? 0) + error * (data[row * width + column] ?? 0);
        out[at + width] = (out[at + width] ?? 0) + error;
      }
    }
  }

  /** (softmax − one-hot) / rows of every row. */
  #errorsAt(point: Float64Array, errors: Float64Array): void {
    const [width, classes, data] = [this.#width, this.#classes, this.#data];
    const rows = this.#labels.length;
    const stride = width + 1;
    for (let row = 0; row < rows; row++) {
      const start = row * width;
      let largest = -Infinity;
      for (let label = 0; label < classes; label++) {
        const at = label * stride;
        // Four sums: one would wait for itself at every addition.
        let [a, b, c, d] = [point[at + width] ?? 0, 0, 0, 0];
        let column = 0;
        for (; column + 3 < width; column += 4) {
          a += (point[at + column] ?? 0) * (data[start + column] ?? 0);
          b += (point[at + column + 1] ?? 0) * (data[start + column + 1] ?? 0);
          c += (point[at + column + 2] ?? 0) * (data[start + column + 2] ?? 0);
          d += (point[at + column + 3] ?? 0) * (data[start + column + 3] ?? 0);
        }
        for (; column < width; column++) a += (point[at + column] ?? 0) * (data[start + column] ?? 0);
        const score = a + b + c + d;
        errors[row * classes + label] = score;
        largest = Math.max(largest, score);
      }
      let sum = 0;
      for (let label = 0; label < classes; label++) sum += errors[row * classes + label] = Math.exp((errors[row * classes + label] ?? 0) - largest);
      for (let label = 0; label < classes; label++) errors[row * classes + label] = ((errors[row * classes + label] ?? 0) / sum - (label === this.#labels[row] ? 1 : 0)) / rows;
    }
  }
}

function standardised(features: Float32Array, rows: number, width: number): { mean: Float64Array; scale: number; data: Float64Array } {
  const mean = new Float64Array(width);
  for (let row = 0; row < rows; row++) for (let column = 0; column < width; column++) mean[column] = (mean[column] ?? 0) + (features[row * width + column] ?? 0) / rows;
  let square = 0;
  let raw = 0;
  const data = Float64Array.from(features, (value, index) => {
    const centred = value - (mean[index % width] ?? 0);
    square += centred * centred;
    raw += value * value;
    return centred;
  });
  // Nothing but rounding is left: the features are all the same.
  if (square <= NO_SPREAD * raw) return { mean, scale: 1, data: data.fill(0) };
  const scale = Math.sqrt(square / data.length);
  for (let index = 0; index < data.length; index++) data[index] = (data[index] ?? 0) / scale;
  return { mean, scale, data };
}

/** Largest eigenvalue of XᵀX/rows, at least 1 (the bias's). */
function largestCurvature(data: Float64Array, rows: number, width: number): number {
  let vector = new Float64Array(width).fill(1 / Math.sqrt(width));
  // Not orthogonal to anything by chance: a ramp is added.
  for (let column = 0; column < width; column++) vector[column] = (vector[column] ?? 0) * (1 + column / width);
  let value = 1;
  for (let step = 0; step < POWER_STEPS; step++) {
    const next = new Float64Array(width);
    for (let row = 0; row < rows; row++) {
      let dot = 0;
      for (let column = 0; column < width; column++) dot += (data[row * width + column] ?? 0) * (vector[column] ?? 0);
      for (let column = 0; column < width; column++) next[column] = (next[column] ?? 0) + (dot * (data[row * width + column] ?? 0)) / rows;
    }
    value = Math.sqrt(next.reduce((sum, entry) => sum + entry * entry, 0));
    if (value === 0) return 1;
    vector = next.map((entry) => entry / value);
  }
  return Math.max(1, value);
}
