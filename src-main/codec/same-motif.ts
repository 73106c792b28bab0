/**
 * @file Whether two pictures show the same, decided on small versions of them. The limits were chosen on saved, scaled and brightened
 * copies of drawings, emoji, photographs, aerial views and textures, and on all pairs of different pictures among them (docs/datasets.md).
 */

/** Correlation of all colour values about their channel means, −1..1. */
const LEAST_CORRELATION = 0.985;
/** Largest difference of a channel's mean, in levels of 0..255: flags and hearts differ by colour alone. */
const LARGEST_SHIFT = 40;

/** @param a, b from `shrink`, of the same side, RGB */
export function sameMotif(a: Float32Array, b: Float32Array): boolean {
  const pixels = a.length / 3;
  let together = 0;
  let ofA = 0;
  let ofB = 0;
  for (let c = 0; c < 3; c++) {
    let meanA = 0;
    let meanB = 0;
    for (let at = c; at < a.length; at += 3) {
      meanA += (a[at] ?? 0) / pixels;
      meanB += (b[at] ?? 0) / pixels;
    }
    if (Math.abs(meanA - meanB) > LARGEST_SHIFT) return false;
    for (let at = c; at < a.length; at += 3) {
      const x = (a[at] ?? 0) - meanA;
      const y = (b[at] ?? 0) - meanB;
      together += x * y;
      ofA += x * x;
      ofB += y * y;
    }
  }
  return ofA > 0 && ofB > 0 && together >= LEAST_CORRELATION * Math.sqrt(ofA * ofB);
}
