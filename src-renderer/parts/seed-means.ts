/** @file A setting that was learnt with several seeds, in a chart: its error bars, and what is told of it. */
import type { RepeatedSetting } from '../../src-main/contract/studio/compare.ts';
import type { SeedMean } from '../../src-main/contract/studio/sweeps.ts';
import { formatMeanBytes, formatMeanPercent } from '../format/intervals.ts';
import { formatPercent } from '../format/units.ts';
import { text } from '../text/index.ts';

/** Half width of the 95 % interval of the chart's accuracy, as part of a mark. */
export function spreadOf(accuracy: SeedMean | null): { spread?: number } {
  const half = accuracy?.halfWidth ?? null;
  return half === null ? {} : { spread: half };
}

/** @param accuracy that of the chart, called `what` @param setting in words; may be empty */
export function meanLines({ bytes, worstClass, seeds }: RepeatedSetting, accuracy: SeedMean | null, what: string, setting: string, count: number): string[] {
  const words = text.sweeps;
  return [
    ...(setting === '' ? [] : [setting]),
    `${what} ${formatMeanPercent(accuracy)}, ${formatMeanBytes(bytes)}`,
    `${words.overSeeds(count)} (${seeds.join(', ')}), ${words.interval95}`,
    ...(worstClass === null ? [] : [words.worstLine(worstClass.name, formatPercent(worstClass.recall))]),
  ];
}
