/** @file Multinomial logistic regression with an L2 penalty, by accelerated gradients (Nesterov 1983; constants as in Beck and Teboulle 2009). */

export interface SoftmaxRegression {
  /** [classes, features], row-major. */
  weight: Float32Array;
  /** [classes]. */
  bias: Float32Array;
}

export interface RegressionOptions {
  /** Weight of ½·|W|² per feature of unit mean square. Above 0. */
  penalty: number;
  iterations: number;
}

/** Steps of the power iteration that bounds the curvature, and what its estimate is multiplied by, as it comes from below. */
const POWER_STEPS = 12;
const CURVATURE_MARGIN = 1.2;
/** Spread below which features are taken for equal, of their mean square. */
const NO_SPREAD = 1e-12;
/** The Hessian of cross-entropy in the logits is at most ½ (Böhning 1992). */
const LOGIT_CURVATURE = 0.5;

/**
 * Minimises the mean cross-entropy of W·(x − mean)/scale + b plus the penalty on W; scale is the root mean square of all entries. The
 * returned weight and bias apply to x itself. Deterministic.
 * @param features [rows, width], row-major
 * @param labels of the rows, 0..classes − 1
 */
export function softmaxRegression(features: Float32Array, labels: readonly number[], classes: number, { penalty, iterations }: RegressionOptions): SoftmaxRegression {
  const rows = labels.length;
  const width = features.length / Math.max(1, rows);
  const { mean, scale, data } = standardised(features, rows, width);
  const step = 1 / (LOGIT_CURVATURE * CURVATURE_MARGIN * largestCurvature(data, rows, width) + penalty);
  // The bias is one more column that is always 1: its curvature is at most that of a centred feature's, and it is not penalised.
  const size = classes * (width + 1);
  let current = new Float64Array(size);
  let ahead = current.slice();
  let momentum = 1;
  const gradient = new Float64Array(size);
  for (let iteration = 0; iteration < iterations; iteration++) {
    gradientAt(ahead, data, labels, width, classes, penalty, gradient);
    const next = ahead.map((value, index) => value - step * (gradient[index] ?? 0));
    const nextMomentum = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
    const push = (momentum - 1) / nextMomentum;
    ahead = next.map((value, index) => value + push * (value - (current[index] ?? 0)));
    current = next;
    momentum = nextMomentum;
  }
  const weight = new Float32Array(classes * width);
  const bias = new Float32Array(classes);
  for (let label = 0; label < classes; label++) {
    let shift = 0;
    for (let column = 0; column < width; column++) {
      const value = (current[label * (width + 1) + column] ?? 0) / scale;
      weight[label * width + column] = value;
      shift += value * (mean[column] ?? 0);
    }
    bias[label] = (current[label * (width + 1) + width] ?? 0) - shift;
  }
  return { weight, bias };
}

function standardised(features: Float32Array, rows: number, width: number): { mean: Float64Array; scale: number; data: Float32Array } {
  const mean = new Float64Array(width);
  for (let row = 0; row < rows; row++) for (let column = 0; column < width; column++) mean[column] = (mean[column] ?? 0) + (features[row * width + column] ?? 0) / rows;
  let square = 0;
  let raw = 0;
  const data = Float32Array.from(features, (value, index) => {
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
function largestCurvature(data: Float32Array, rows: number, width: number): number {
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

/** Of mean cross-entropy and penalty at `point` [classes, width + 1]. */
function gradientAt(point: Float64Array, data: Float32Array, labels: readonly number[], width: number, classes: number, penalty: number, out: Float64Array): void {
  const rows = labels.length;
  const stride = width + 1;
  for (let label = 0; label < classes; label++) {
    for (let column = 0; column < width; column++) out[label * stride + column] = penalty * (point[label * stride + column] ?? 0);
    out[label * stride + width] = 0;
  }
  const scores = new Float64Array(classes);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    let largest = -Infinity;
    for (let label = 0; label < classes; label++) {
      let score = point[label * stride + width] ?? 0;
      for (let column = 0; column < width; column++) score += (point[label * stride + column] ?? 0) * (data[start + column] ?? 0);
      scores[label] = score;
      largest = Math.max(largest, score);
    }
    let sum = 0;
    for (let label = 0; label < classes; label++) sum += scores[label] = Math.exp((scores[label] ?? 0) - largest);
    for (let label = 0; label < classes; label++) {
      const error = ((scores[label] ?? 0) / sum - (label === labels[row] ? 1 : 0)) / rows;
      for (let column = 0; column < width; column++) out[label * stride + column] = (out[label * stride + column] ?? 0) + error * (data[start + column] ?? 0);
      out[label * stride + width] = (out[label * stride + width] ?? 0) + error;
    }
  }
}
