/** @file An orthonormal basis of the space that a matrix's rows span, and the rows in its coordinates. */
import { dot } from './dot.ts';

export interface RowSpace {
  /** [rows, rank]: inner products of rows are those of the rows themselves. */
  coordinates: Float64Array;
  rank: number;
  /** From coordinates [rank] back to [width]. */
  expand(coordinates: Float64Array): Float64Array;
}

/** Length below which what is left of a row is rounding, of the row's own. */
const NOTHING_LEFT = 1e-7;

/**
 * Modified Gram-Schmidt (Golub and Van Loan, Matrix Computations, 5.2.8): worth its rows²·width products where there are far fewer rows
 * than columns and much is to be computed with the rows.
 * @param data [rows, width], row-major
 */
export function rowSpace(data: Float64Array, rows: number, width: number): RowSpace {
  const left = data.slice();
  const basis: Float64Array[] = [];
  const found: Float64Array[] = [];
  for (let row = 0; row < rows; row++) {
    const own = left.subarray(row * width, (row + 1) * width);
    const length = Math.sqrt(dot(own, own));
    const whole = data.subarray(row * width, (row + 1) * width);
    if (length <= NOTHING_LEFT * Math.sqrt(dot(whole, whole))) continue;
    const direction = own.map((value) => value / length);
    const along = new Float64Array(rows);
    along[row] = length;
    for (let other = row + 1; other < rows; other++) {
      const rest = left.subarray(other * width, (other + 1) * width);
      const part = dot(direction, rest);
      along[other] = part;
      for (let column = 0; column < width; column++) rest[column] = (rest[column] ?? 0) - part * (direction[column] ?? 0);
    }
    basis.push(direction);
    found.push(along);
  }
  const rank = basis.length;
  const coordinates = new Float64Array(rows * rank);
  found.forEach((along, place) => {
    for (let row = 0; row < rows; row++) coordinates[row * rank + place] = along[row] ?? 0;
  });
  return {
    coordinates,
    rank,
    expand(point) {
      const all = new Float64Array(width);
      basis.forEach((direction, place) => {
        const share = point[place] ?? 0;
        for (let column = 0; column < width; column++) all[column] = (all[column] ?? 0) + share * (direction[column] ?? 0);
      });
      return all;
    },
  };
}
