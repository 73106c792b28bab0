/** @file The comparison of tasks and methods as a table with totals. */
import type { Comparison } from '../../services/compare-tasks.ts';
import { formatTable, type Column, type Row } from './table.ts';
import { formatBytes, formatCount, formatPercent } from './units.ts';

const COLUMNS: readonly Column[] = [
  { title: 'task', align: 'left' },
  { title: 'method', align: 'left' },
  { title: 'test accuracy', align: 'right' },
  { title: 'layers tuned', align: 'right' },
  { title: 'parameters', align: 'right' },
  { title: 'bytes', align: 'right' },
  { title: 'of a full copy', align: 'right' },
];

/** Rows per task and method; then, per method, base plus all its tasks against a full copy per task. */
export function comparisonTable({ rows, totals }: Comparison): string {
  const body: Row[] = rows.map((row) => [
    row.task,
    row.encoding === undefined ? row.method : `${row.method}, ${row.encoding}`,
    formatPercent(row.testAccuracy),
    `${row.layersTuned}/${row.layersTotal}`,
    formatCount(row.parameters),
    formatBytes(row.bytes),
    formatPercent(row.shareOfFullCopy),
  ]);
  const sums: Row[] = totals.map((total) => [
    `${total.withBase ? `${total.bases === 1 ? 'base' : `${total.bases} bases`} + ` : ''}${total.tasks} ${total.tasks === 1 ? 'task' : 'tasks'}`,
    total.encoded === true ? `${total.method}, smaller` : total.method,
    total.meanTestAccuracy === null ? '–' : `mean ${formatPercent(total.meanTestAccuracy)}`,
    '',
    '',
    formatBytes(total.bytes),
    formatPercent(total.bytes / total.fullCopiesBytes),
  ]);
  const most = totals.reduce<Comparison['totals'][number] | null>((best, total) => (best === null || total.tasks > best.tasks ? total : best), null);
  const copies: Row[] = most === null ? [] : [[`${most.tasks} full ${most.tasks === 1 ? 'copy' : 'copies'}`, '', '', '', '', formatBytes(most.fullCopiesBytes), '100.0 %']];
  const derived = [...new Set(totals.flatMap((total) => (total.withBase ? total.derivedBases : [])))].sort();
  const note = derived.length === 0 ? '' : `\n\n${derived.join(', ')}: ${derived.length === 1 ? 'a full copy' : 'full copies'} that joint training made, ${derived.length === 1 ? '' : 'each '}counted once in the totals.`;
  return formatTable(COLUMNS, [...body, 'rule', ...sums, ...copies]) + note;
}
