/** @file Sweeps, paths and results of a task as tables. */
import type { PathLevel } from '../../contract/training.ts';
import type { MeanWithInterval } from '../../core/statistics.ts';
import type { SweepReport } from '../../services/sweep-report.ts';
import type { TaskResult } from '../../services/task-results.ts';
import { formatTable, type Column, type Row } from './table.ts';
import { formatBytes, formatPercent } from './units.ts';

const column = (title: string, align: Column['align'] = 'right'): Column => ({ title, align });

/** `83.2 ± 1.4 %`; without an interval for one value. */
export function formatInterval({ mean, halfWidth }: MeanWithInterval): string {
  return halfWidth === null ? formatPercent(mean) : `${(100 * mean).toFixed(1)} ± ${(100 * halfWidth).toFixed(1)} %`;
}

/** Mean and 95 % interval over seeds per task and setting, then over tasks. */
export function sweepTable({ rows, totals }: SweepReport): string {
  const columns = [column('task', 'left'), column('setting', 'left'), column('seeds'), column('test accuracy'), column('validation'), column('bytes'), column('of a full copy'), column('layers'), column('worst class', 'left')];
  const body: Row[] = rows.map((row) => [
    row.task,
    row.setting,
    String(row.seeds.length),
    formatInterval(row.test),
    formatInterval(row.validation),
    formatBytes(row.bytes.mean),
    formatPercent(row.shareOfFullCopy),
    `${String(Number(row.layersOpen.toFixed(1)))}/${String(row.layersTotal)}`,
    row.worstClass === null ? '–' : `${row.worstClass.name} ${formatPercent(row.worstClass.recall)}`,
  ]);
  const sums: Row[] = totals.map(({ tasks, setting, test, shareOfFullCopy, worstTask }) => [
    `${String(tasks)} tasks`,
    setting,
    String(test?.count ?? 0),
    test === null ? '–' : formatInterval(test),
    '',
    '',
    formatPercent(shareOfFullCopy),
    '',
    `worst task: ${worstTask.name} ${formatPercent(worstTask.test)}`,
  ]);
  return formatTable(columns, sums.length === 0 ? body : [...body, 'rule', ...sums]);
}

/** One row per level, weak to strong. */
export function pathTable(levels: readonly PathLevel[], chosen: number | undefined, fullBytes: number, totalLayers: number): string {
  const columns = [column('level'), column('λ'), column('validation'), column('test accuracy'), column('layers'), column('bytes'), column('of a full copy'), column('', 'left')];
  return formatTable(
    columns,
    levels.map(({ level, lambda, validation, test, openLayers, bytes }) => [
      String(level),
      lambda === null ? '–' : String(lambda),
      formatPercent(validation.accuracy),
      formatPercent(test.images === 0 ? null : test.accuracy),
      `${String(openLayers)}/${String(totalLayers)}`,
      formatBytes(bytes),
      formatPercent(bytes / fullBytes),
      level === chosen ? 'current' : '',
    ]),
  );
}

/** All results of a task, the front on validation pictures marked. */
export function resultsTable(results: readonly TaskResult[]): string {
  const columns = [column('result', 'left'), column('method', 'left'), column('setting', 'left'), column('seed'), column('validation'), column('test accuracy'), column('bytes'), column('of a full copy'), column('', 'left')];
  return formatTable(
    columns,
    results.map(({ delta, setting, seed, validation, test, bytes, shareOfFullCopy, onFront, current }) => [
      delta.id,
      delta.method,
      setting,
      seed === null ? '–' : String(seed),
      formatPercent(validation),
      formatPercent(test),
      formatBytes(bytes),
      formatPercent(shareOfFullCopy),
      [...(onFront ? ['front'] : []), ...(current ? ['current'] : [])].join(', '),
    ]),
  );
}
