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

/** Mean over the levels of accuracy and bytes along the path minus those of independent runs with the same λ. */
export interface PathComparison {
  levels: number;
  accuracy: number;
  /** Mean of log2(bytes of the level / bytes of the run). */
  log2Bytes: number;
  /** Seconds of the path / mean seconds of one run. */
  cost: number;
}

/** @returns null where no λ has both */
export function comparePath(points: readonly ResultPoint[]): PathComparison | null {
  const pairs = points.flatMap((level) => {
    const run = points.find(({ task, setting }) => task === level.task && level.lambda !== null && setting === `taps λ ${String(level.lambda)}`);
    return run === undefined ? [] : [{ level, run }];
  });
  if (pairs.length === 0) return null;
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    levels: pairs.length,
    accuracy: mean(pairs.map(({ level, run }) => level.test.mean - run.test.mean)),
    log2Bytes: mean(pairs.map(({ level, run }) => Math.log2(level.bytes / run.bytes))),
    cost: mean(pairs.map(({ level, run }) => level.seconds / run.seconds)),
  };
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
    lines.push('', '## The path against independent runs', '', `At the ${String(path.levels)} pairs of task and λ that both have, a level of the path has ${accuracy} of test accuracy against a run of its own, at ${(2 ** path.log2Bytes).toFixed(2)} times the bytes (geometric mean). The path with all its levels took ${path.cost.toFixed(2)} times as long as one such run.`);
  }
  return `${lines.join('\n')}\n`;
}
