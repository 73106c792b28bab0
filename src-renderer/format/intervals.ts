/** @file Means over seeds as text: `83.3% ± 1.2`, `688 kB ± 12 kB`. */
import { formatBytes, formatPercent, NOTHING } from './units.ts';

interface Mean {
  mean: number;
  /** Half the width of the 95 % interval; null for a single value. */
  halfWidth: number | null;
}

const PLUS_MINUS = '\u00a0±\u00a0';

/** Of a share 0..1; the half width in percentage points. */
export function formatMeanPercent(value: Mean | null): string {
  if (value === null) return NOTHING;
  return value.halfWidth === null ? formatPercent(value.mean) : `${formatPercent(value.mean)}${PLUS_MINUS}${(100 * value.halfWidth).toFixed(1)}`;
}

/** An interval of no width, as of a method that always takes the same, is left out. */
export function formatMeanBytes(value: Mean): string {
  return value.halfWidth === null || value.halfWidth < 1 ? formatBytes(value.mean) : `${formatBytes(value.mean)}${PLUS_MINUS}${formatBytes(value.halfWidth)}`;
}
