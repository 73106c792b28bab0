/** @file The small table as a document. */
import { paretoFront } from '../../core/pareto.ts';
import { formatInterval } from '../format/sweep-table.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import type { ResultPoint } from './points.ts';

export interface SmallReport {
  /** To type, for the same table. */
  command: string;
  engine: string;
  seconds: number;
  seeds: readonly number[];
  /** Test pictures by task. */
  testImages: Record<string, number>;
  points: readonly ResultPoint[];
  /** File names of the charts by task. */
  charts: Record<string, string>;
}

/** Independent runs of TAPS against the path's curve at their own size. */
export interface PathComparison {
  /** Pairs of task and λ that were run by themselves, with a size within the curve's. */
  runs: number;
  /** Mean of the curve's test accuracy minus the run's. */
  accuracy: number;
  /** Seconds of the path / mean seconds of one run. */
  cost: number;
}

/** @returns null without a path, or without a run within its sizes */
export function comparePath(points: readonly ResultPoint[]): PathComparison | null {
  const pairs = points.flatMap((run) => {
    if (run.lambda !== null || !run.setting.startsWith('taps λ ')) return [];
    const levels = points.filter(({ task, lambda }) => task === run.task && lambda !== null);
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

export function smallDocument(report: SmallReport): string {
  const { command, engine, seconds, seeds, testImages, points, charts } = report;
  const tasks = [...new Set(points.map(({ task }) => task))];
  const repeated = seeds.length > 1 ? `mean ± half the 95 % t-interval over ${String(seeds.length)} seeds` : 'one seed: no interval can be given, and differences of a few points mean nothing';
  const lines = [
    '# The quick table',
    '',
    '```',
    command,
    '```',
    '',
    `The embedded base (a small residual network trained on CIFAR-10) on its sample tasks, with ${engine}; everything took ${formatDuration(seconds)}. Test accuracy: ${repeated}. Epochs, levels and forms are chosen on validation pictures, the test pictures are looked at once per result. Bytes are those of the stored file; *front* marks what no other result of the task beats in both, on test accuracy, for reading only.`,
  ];
  for (const task of tasks) {
    const own = points.filter((point) => point.task === task);
    const front = new Set(paretoFront(own.map((point) => ({ point, bytes: point.bytes, accuracy: point.test.mean }))).map(({ point }) => point));
    const rows = own.map((point) => `| ${point.setting} | ${formatInterval(point.test)} | ${formatPercent(point.validation)} | ${String(Number(point.layers.toFixed(1)))} | ${formatBytes(point.bytes)} | ${formatPercent(point.share)} | ${formatDuration(point.seconds)} | ${front.has(point) ? 'front' : ''} |`);
    lines.push('', `## ${task} (${String(testImages[task] ?? 0)} test pictures)`, '', `![Accuracy over bytes](${charts[task] ?? ''})`, '', '| setting | test accuracy | validation | layers | bytes | of a full copy | time of the run | |', '| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |', ...rows);
  }
  const path = comparePath(points);
  if (path !== null) {
    const accuracy = `${path.accuracy >= 0 ? '+' : '−'}${Math.abs(100 * path.accuracy).toFixed(1)} points`;
    lines.push('', '## The path against independent runs', '', `At the sizes of the ${String(path.runs)} independent TAPS runs that lie within the path’s (task and λ), the path’s curve has ${accuracy} of test accuracy against the run itself, in the mean. The path with all its levels took ${path.cost.toFixed(2)} times as long as one such run.`);
  }
  return `${lines.join('\n')}\n`;
}
