/** @file Means of few repetitions and how far they can be trusted. */

export interface MeanWithInterval {
  mean: number;
  /** Half the width of the 95 % interval of the mean; null for a single value. */
  halfWidth: number | null;
  count: number;
}

/** 97.5 % quantiles of Student's t by degrees of freedom 1..30. */
const T_975: readonly number[] = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086,
  2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
];

/**
 * 97.5 % quantile of Student's t. Beyond 30 degrees of freedom by the expansion in 1/ν about the normal quantile
 * (Abramowitz and Stegun 26.7.5), there exact to four decimals.
 * @param degrees of freedom, 1 or more, whole
 */
export function studentT975(degrees: number): number {
  const tabled = T_975[degrees - 1];
  if (tabled !== undefined) return tabled;
  const z = 1.959963985;
  return z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
}

/**
 * Mean with its two-sided 95 % t-interval (Student 1908): the values are independent repetitions, such as seeds.
 * @throws RangeError without values
 */
export function meanWithInterval(values: readonly number[]): MeanWithInterval {
  const count = values.length;
  if (count === 0) throw new RangeError('A mean needs at least one value.');
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, halfWidth: null, count };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, halfWidth: studentT975(count - 1) * Math.sqrt(variance / count), count };
}
