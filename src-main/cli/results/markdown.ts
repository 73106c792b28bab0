/** @file The results of sweeps as a document. */
import { paretoFront } from '../../core/pareto.ts';
import { meanWithInterval, type MeanWithInterval } from '../../core/statistics.ts';
import { formatInterval } from '../format/sweep-table.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import type { ResultPoint } from './points.ts';

export interface ResultsReport {
  title: string;
  /** What was learnt on what, one sentence. */
  about: string;
  /** To type, for the same table. */
  commands: readonly string[];
  engine: string;
  seconds: number;
  seeds: readonly number[];
  /** By task. */
  pictures: Record<string, { train: number; validation: number; test: number }>;
  points: readonly ResultPoint[];
  /** File names of the charts by task. */
  charts: Record<string, string>;
}

/** Independent runs of TAPS against the path's curve at their own size. */
export interface PathComparison {
  /** Pairs of task and λ or budget that were run by themselves, with a size within the curve's. */
  runs: number;
  /** Mean of the curve's test accuracy minus the run's. */
  accuracy: number;
  /** Seconds of the path / mean seconds of one run. */
  cost: number;
}

/** @returns null without a path, or without a run within its sizes */
export function comparePath(points: readonly ResultPoint[]): PathComparison | null {
  const pairs = points.flatMap((run) => {
    if (run.pathLevel !== null || (run.group !== 'TAPS' && run.group !== 'TAPS budget')) return [];
    const levels = points.filter(({ task, pathLevel }) => task === run.task && pathLevel !== null);
    const curve = curveAt(levels, run.bytes);
    return curve === null ? [] : [{ difference: curve - run.test.mean, cost: (levels[0]?.seconds ?? 0) / run.seconds }];
  });
  if (pairs.length === 0) return null;
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { runs: pairs.length, accuracy: mean(pairs.map(({ difference }) => difference)), cost: mean(pairs.map(({ cost }) => cost)) };
}

/** Two sizes count as equal within a part in twenty: the curve's ends are not missed by a few bytes of header. */
const SAME_SIZE = 1.05;

/** Test accuracy between the levels, linear in the logarithm of bytes; null outside of their sizes. */
function curveAt(levels: readonly ResultPoint[], bytes: number): number | null {
  const sorted = levels.toSorted((a, b) => a.bytes - b.bytes);
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (least === undefined || most === undefined || bytes * SAME_SIZE < least.bytes || bytes > most.bytes * SAME_SIZE) return null;
  const upper = sorted.find((level) => level.bytes >= bytes) ?? most;
  const lower = sorted.findLast((level) => level.bytes <= bytes) ?? least;
  const span = Math.log(upper.bytes / lower.bytes);
  const place = span === 0 ? 0 : Math.log(bytes / lower.bytes) / span;
  return lower.test.mean + (upper.test.mean - lower.test.mean) * Math.min(1, Math.max(0, place));
}

export function resultsDocument(report: ResultsReport): string {
  const { title, about, commands, engine, seconds, seeds, pictures, points, charts } = report;
  const tasks = [...new Set(points.map(({ task }) => task))];
  const repeated = seeds.length > 1 ? `mean ± half the 95 % t-interval over the seeds (up to ${String(seeds.length)})` : 'one seed: no interval can be given, and differences of a few points mean nothing';
  const lines = [
    `# ${title}`,
    '',
    '```',
    ...commands,
    '```',
    '',
    `${about} Learnt with ${engine}; everything took ${formatDuration(seconds)}. Test accuracy: ${repeated}. Epochs, levels and forms are chosen on validation pictures, the test pictures are looked at once per result. Bytes are those of the stored file; *front* marks what no other result of the task beats in both, on test accuracy, for reading only.`,
    ...overTasks(points, tasks),
  ];
  for (const task of tasks) {
    const own = points.filter((point) => point.task === task);
    const front = new Set(paretoFront(own.map((point) => ({ point, bytes: point.bytes, accuracy: point.test.mean }))).map(({ point }) => point));
    const rows = own.map((point) => `| ${point.setting} | ${formatInterval(point.test)} | ${String(point.test.count)} | ${formatPercent(point.validation)} | ${String(Number(point.layers.toFixed(1)))} | ${formatBytes(point.bytes)} | ${formatPercent(point.share)} | ${formatDuration(point.seconds)} | ${front.has(point) ? 'front' : ''} |`);
    const { train, validation, test } = pictures[task] ?? { train: 0, validation: 0, test: 0 };
    lines.push('', `## ${task} (${String(train)} pictures to learn from, ${String(validation)} for validation, ${String(test)} for the test)`, '', `![Accuracy over bytes](${charts[task] ?? ''})`, '', '| setting | test accuracy | seeds | validation | layers | bytes | of a full copy | time of the run | |', '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |', ...rows);
  }
  const path = comparePath(points);
  if (path !== null) {
    lines.push('', '## The path against independent runs', '', `At the sizes of the ${String(path.runs)} independent TAPS runs that lie within the path’s (task and λ or budget), the path’s curve has ${formatPoints(path.accuracy)} of test accuracy against the run itself, in the mean. The path with all its levels took ${path.cost.toFixed(2)} times as long as one such run.`);
  }
  return `${lines.join('\n')}\n`;
}

const FULL = 'full-fine-tuning';

/**
 * Every setting against full fine-tuning with the same seeds: per seed the mean over the tasks, then mean and interval over the seeds. A
 * seed that lacks a task, of either, is left out. Nothing for one task.
 */
function overTasks(points: readonly ResultPoint[], tasks: readonly string[]): string[] {
  if (tasks.length < 2) return [];
  const fullOf = (task: string): ResultPoint | undefined => points.find((point) => point.task === task && point.setting === FULL);
  const settings = [...new Set(points.map(({ setting }) => setting))];
  const rows = settings.flatMap((setting) => {
    const pairs = points.flatMap((point) => {
      const full = fullOf(point.task);
      return point.setting !== setting || full === undefined ? [] : [{ point, full }];
    });
    // Levels by λ have other sizes in every task.
    if (pairs.length < 2 || pairs.some(({ point }) => point.lambda !== null)) return [];
    const seeds = [...(pairs[0]?.point.bySeed.keys() ?? [])].filter((seed) => pairs.every(({ point, full }) => point.bySeed.has(seed) && full.bySeed.has(seed)));
    if (seeds.length === 0) return [];
    const over = (valueOf: (pair: (typeof pairs)[number], seed: number) => number): MeanWithInterval => meanWithInterval(seeds.map((seed) => pairs.reduce((sum, pair) => sum + valueOf(pair, seed), 0) / pairs.length));
    const test = over(({ point }, seed) => point.bySeed.get(seed) ?? 0);
    const difference = over(({ point, full }, seed) => (point.bySeed.get(seed) ?? 0) - (full.bySeed.get(seed) ?? 0));
    const within = ({ point, full }: (typeof pairs)[number]): number => seeds.reduce((sum, seed) => sum + (point.bySeed.get(seed) ?? 0) - (full.bySeed.get(seed) ?? 0), 0) / seeds.length;
    const worst = pairs.map((pair) => ({ task: pair.point.task, difference: within(pair) })).reduce((least, one) => (one.difference < least.difference ? one : least));
    return [`| ${setting} | ${String(pairs.length)} | ${String(seeds.length)} | ${formatInterval(test)} | ${formatDifference(difference)} | ${formatPoints(worst.difference)} (${worst.task}) | ${formatPercent(pairs.reduce((sum, { point }) => sum + point.share, 0) / pairs.length)} |`];
  });
  return ['', '## Over the tasks', '', 'Per seed the mean over the tasks; of those the mean ± half the 95 % t-interval over the seeds that have all of a setting’s tasks. Differences are within a seed.', '', '| setting | tasks | seeds | test accuracy | against full fine-tuning | worst task | of a full copy |', '| --- | ---: | ---: | ---: | ---: | ---: | ---: |', ...rows];
}

function formatPoints(difference: number): string {
  return `${difference >= 0 ? '+' : '−'}${Math.abs(100 * difference).toFixed(1)} points`;
}

function formatDifference({ mean, halfWidth }: MeanWithInterval): string {
  return `${formatPoints(mean)}${halfWidth === null ? '' : ` ± ${(100 * halfWidth).toFixed(1)}`}`;
}
