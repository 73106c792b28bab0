/**
 * @file The best low-rank approximation of a matrix, by randomised subspace iteration (Halko, Martinsson and Tropp, SIAM Review 2011,
 * algorithms 4.4 and 5.1) in float64. Deterministic: the sketch comes from a counter-based generator, sums run in one order.
 */
import { dot } from './dot.ts';
import { RandomStream } from './random.ts';

export interface LowRankFactors {
  /** [rows, rank], row-major; column i is √σ_i·u_i. */
  left: Float64Array;
  /** [rank, columns], row-major; row i is √σ_i·v_iᵀ. */
  right: Float64Array;
  /** σ, falling. */
  singularValues: Float64Array;
  rank: number;
}

/** Directions beyond the rank that the sketch has, and passes that sharpen it: what 4.4 and 5.1 advise for slowly falling spectra. */
const OVERSAMPLING = 8;
const ITERATIONS = 2;

/**
 * @param matrix [rows, columns], row-major, finite
 * @param rank 1..min(rows, columns)
 */
export function truncatedSvd(matrix: ArrayLike<number>, rows: number, columns: number, rank: number): LowRankFactors {
  const size = Math.min(rank + OVERSAMPLING, rows, columns);
  const stream = new RandomStream(0, 'factors', rows, columns);
  // Vectors are kept as rows of length `rows` or `columns`: every inner loop runs over memory in order.
  let across: Float64Array[] = Array.from({ length: size }, () => Float64Array.from({ length: columns }, () => stream.uniform() - 0.5));
  let down = orthonormal(timesColumns(matrix, rows, columns, across));
  for (let pass = 0; pass < ITERATIONS; pass++) {
    across = orthonormal(timesRows(matrix, columns, down));
    down = orthonormal(timesColumns(matrix, rows, columns, across));
  }
  // B = Qᵀ·A, and the eigenvectors of B·Bᵀ are its left singular vectors.
  const projected = timesRows(matrix, columns, down);
  const { values, vectors } = symmetricEigen(projected.map((a) => Float64Array.from(projected, (b) => dot(a, b))));
  const kept = Math.min(rank, size);
  const singularValues = Float64Array.from({ length: kept }, (_, index) => Math.sqrt(Math.max(0, values[index] ?? 0)));
  const left = new Float64Array(rows * kept);
  const right = new Float64Array(kept * columns);
  singularValues.forEach((sigma, index) => {
    const weights = vectors[index] ?? new Float64Array();
    const root = Math.sqrt(sigma);
    if (root === 0) return;
    const u = combined(down, weights);
    const v = combined(projected, weights);
    for (let row = 0; row < rows; row++) left[row * kept + index] = root * (u[row] ?? 0);
    for (let column = 0; column < columns; column++) right[index * columns + column] = (v[column] ?? 0) / root;
  });
  return { left, right, singularValues, rank: kept };
}

/** A·x for each x. */
function timesColumns(matrix: ArrayLike<number>, rows: number, columns: number, vectors: readonly Float64Array[]): Float64Array[] {
  return vectors.map((vector) => {
    const result = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0, at = row * columns; column < columns; column++, at++) sum += (matrix[at] ?? 0) * (vector[column] ?? 0);
      result[row] = sum;
    }
    return result;
  });
}

/** Aᵀ·y for each y. */
function timesRows(matrix: ArrayLike<number>, columns: number, vectors: readonly Float64Array[]): Float64Array[] {
  return vectors.map((vector) => {
    const result = new Float64Array(columns);
    vector.forEach((factor, row) => {
      for (let column = 0, at = row * columns; column < columns; column++, at++) result[column] = (result[column] ?? 0) + factor * (matrix[at] ?? 0);
    });
    return result;
  });
}

/** Gram-Schmidt, twice for full precision; directions that vanish become zeros. */
function orthonormal(vectors: Float64Array[]): Float64Array[] {
  const done: Float64Array[] = [];
  for (const vector of vectors) {
    const before = Math.sqrt(dot(vector, vector));
    for (let pass = 0; pass < 2; pass++) {
      for (const other of done) {
        const overlap = dot(vector, other);
        for (let index = 0; index < vector.length; index++) vector[index] = (vector[index] ?? 0) - overlap * (other[index] ?? 0);
      }
    }
    const norm = Math.sqrt(dot(vector, vector));
    const factor = norm > 1e-12 * before && norm > 0 ? 1 / norm : 0;
    done.push(vector.map((value) => value * factor));
  }
  return done;
}

function combined(vectors: readonly Float64Array[], weights: Float64Array): Float64Array {
  const result = new Float64Array(vectors[0]?.length ?? 0);
  vectors.forEach((vector, index) => {
    const weight = weights[index] ?? 0;
    for (let at = 0; at < result.length; at++) result[at] = (result[at] ?? 0) + weight * (vector[at] ?? 0);
  });
  return result;
}

const MAX_SWEEPS = 60;

/** Eigenvalues, falling, and vectors of a symmetric matrix, by cyclic Jacobi rotations (Golub and Van Loan, section 8.5). */
function symmetricEigen(matrix: Float64Array[]): { values: number[]; vectors: Float64Array[] } {
  const size = matrix.length;
  const at = (row: number, column: number): number => matrix[row]?.[column] ?? 0;
  const set = (row: number, column: number, value: number): void => {
    const target = matrix[row];
    if (target !== undefined) target[column] = value;
  };
  const vectors = Array.from({ length: size }, (_, index) => {
    const unit = new Float64Array(size);
    unit[index] = 1;
    return unit;
  });
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let off = 0;
    let all = 0;
    for (let row = 0; row < size; row++) for (let column = 0; column < size; column++) {
      all += at(row, column) ** 2;
      if (row !== column) off += at(row, column) ** 2;
    }
    if (off <= 1e-30 * all) break;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) {
      if (at(p, q) === 0) continue;
      const theta = (at(q, q) - at(p, p)) / (2 * at(p, q));
      const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
      const cosine = 1 / Math.sqrt(tangent * tangent + 1);
      const sine = tangent * cosine;
      for (let k = 0; k < size; k++) {
        const [a, b] = [at(k, p), at(k, q)];
        set(k, p, cosine * a - sine * b);
        set(k, q, sine * a + cosine * b);
      }
      for (let k = 0; k < size; k++) {
        const [a, b] = [at(p, k), at(q, k)];
        set(p, k, cosine * a - sine * b);
        set(q, k, sine * a + cosine * b);
      }
      const [u, v] = [vectors[p], vectors[q]];
      if (u === undefined || v === undefined) continue;
      for (let k = 0; k < size; k++) {
        const [a, b] = [u[k] ?? 0, v[k] ?? 0];
        u[k] = cosine * a - sine * b;
        v[k] = sine * a + cosine * b;
      }
    }
  }
  const order = Array.from({ length: size }, (_, index) => index).sort((a, b) => at(b, b) - at(a, a) || a - b);
  return { values: order.map((index) => at(index, index)), vectors: order.map((index) => vectors[index] ?? new Float64Array(size)) };
}
