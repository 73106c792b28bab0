/** @file What was asked for when a result was learnt, in a few words: λ, a budget, a level of a path, a rank. */
import { lambdaOfLevel, levelsOf, type Budget, type PathPlan } from '../../src-main/contract/budget.ts';
import type { ComparePoint } from '../../src-main/contract/studio/compare.ts';
import type { TaskDetail } from '../../src-main/contract/studio/library.ts';
import type { TrainConfig } from '../../src-main/contract/training.ts';
import { formatBytes, formatNumber, formatPercent } from '../format/units.ts';
import { text } from '../text/index.ts';

/** Empty for methods that have nothing to set, and for results that came from another library. */
export function settingOf({ config, pathLevel, smaller }: Pick<ComparePoint, 'config' | 'pathLevel' | 'smaller'>): string {
  const asked = config === null ? '' : config.method === 'taps' ? gateSetting(config, pathLevel) : methodSetting(config);
  const form = smaller === null ? '' : formWords(smaller);
  const trunk = config !== null && config.trunkShare > 0 ? words.trunk(formatPercent(config.trunkShare)) : '';
  return [asked, trunk, form].filter((part) => part !== '').join(', ');
}

function formWords({ encoding, tolerance, mostBytes }: NonNullable<ComparePoint['smaller']>): string {
  if (encoding !== 'auto') return words.form(text.frontier.encodings[encoding]);
  return mostBytes === undefined ? words.within(tolerance) : words.fitted(formatBytes(mostBytes));
}

/** `TAPS, λ 0.3`: method and setting. */
export function nameOf(point: Pick<ComparePoint, 'method' | 'config' | 'pathLevel' | 'smaller'>): string {
  return [text.words.methods[point.method], settingOf(point)].filter((part) => part !== '').join(', ');
}

/** Of a result in a task's own list. */
export function settingOfDelta(delta: TaskDetail['deltas'][number], runs: TaskDetail['runs']): string {
  return settingOf({ ...delta, config: runs.find(({ id }) => id === delta.runId)?.config ?? null });
}

const words = text.frontier.settings;

function gateSetting({ lambda, budget, path }: TrainConfig, pathLevel: number | null): string {
  if (path !== undefined) return pathLevel === null ? words.path(levelsOf(path)) : levelWords(path, pathLevel);
  return budget === undefined ? words.lambda(formatNumber(lambda)) : budgetWords(budget);
}

function levelWords(path: PathPlan, level: number): string {
  const lambda = lambdaOfLevel(path, level);
  const place = words.level(level + 1, levelsOf(path));
  return lambda === null ? place : `${place}, ${words.lambda(formatNumber(lambda))}`;
}

/** `at most 120 kB`, `at most 20.0% of a copy`, `at most 1 point below full fine-tuning`. */
export function budgetWords(budget: Budget): string {
  switch (budget.kind) {
    case 'bytes':
      return words.bytes(formatBytes(budget.bytes));
    case 'share':
      return words.share(formatPercent(budget.share));
    case 'accuracy':
      return words.points(budget.points);
  }
}

function methodSetting({ method, layers, pattern, patternBytes, patternShare, rank }: TrainConfig): string {
  if (method === 'fixed-layers' && layers === null) return words.pattern(pattern, patternBytes === null ? formatPercent(patternShare) : formatBytes(patternBytes));
  const named = layers === null ? [] : [words.layers(layers.length)];
  return [...(method === 'low-rank' ? [words.rank(rank)] : []), ...named].join(', ');
}
