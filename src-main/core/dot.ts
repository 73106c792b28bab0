/** @file The inner product of two vectors of one length. */

/** In four sums: one would wait for itself at every addition. */
export function dot(a: Float64Array, b: Float64Array): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let index = 0;
  for (; index + 3 < a.length; index += 4) {
    s += (a[index] ?? 0) * (b[index] ?? 0);
    t += (a[index + 1] ?? 0) * (b[index + 1] ?? 0);
    u += (a[index + 2] ?? 0) * (b[index + 2] ?? 0);
    v += (a[index + 3] ?? 0) * (b[index + 3] ?? 0);
  }
  for (; index < a.length; index++) s += (a[index] ?? 0) * (b[index] ?? 0);
  return s + t + u + v;
}
