/** @file Round numbers along an axis. Pure. */

const STEPS = [1, 2, 2.5, 5, 10];

/** Multiples of a round step inside [low, high], about `wanted` of them. */
export function linearTicks(low: number, high: number, wanted: number): number[] {
  if (!(high > low) || wanted < 1) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Powers of ten inside [low, high], with 2 and 5 between them where there are few. @param low above 0 */
export function logTicks(low: number, high: number): number[] {
  const from = Math.floor(Math.log10(low));
  const to = Math.ceil(Math.log10(high));
  const within = (value: number): boolean => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  const powers = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  const tens = powers.filter(within);
  if (tens.length > 3) return tens;
  return powers.flatMap((power) => [power, 2 * power, 5 * power]).filter(within);
}
