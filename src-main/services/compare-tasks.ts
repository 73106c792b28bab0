/** @file Use-case: what each way of learning each task costs and brings. Pure reading of the library. */
import type { Encoding } from '../contract/compression.ts';
import type { BaseRecord, TaskRecord } from '../contract/records.ts';
import { METHODS, type MethodId } from '../contract/training.ts';
import type { DeltaFigures, Library } from './open-library.ts';

export interface ComparisonRow {
  task: string;
  method: MethodId;
  /** How it was made smaller; absent for a result as it was learnt. */
  encoding?: Encoding;
  /** Fraction 0..1; null for an unpacked task that was never measured. */
  testAccuracy: number | null;
  layersTuned: number;
  layersTotal: number;
  /** Numbers that must be stored for the task. */
  parameters: number;
  /** Size of the file that must be stored for the task. */
  bytes: number;
  /** bytes / size of a full copy of the network for this task. */
  shareOfFullCopy: number;
}

export interface ComparisonTotal {
  method: MethodId;
  /** Of smaller forms; absent for results as they were learnt. */
  encoded?: true;
  /** Tasks that have been learnt with this method. */
  tasks: number;
  /** Mean over those tasks; null when none was measured. */
  meanTestAccuracy: number | null;
  /** These tasks' files, with their bases; without them for full fine-tuning as it was learnt, whose results replace every weight. */
  bytes: number;
  /** Whether `bytes` includes the bases. */
  withBase: boolean;
  /** Different bases of these tasks, and the names of those that were learnt here: full copies like any other, each counted once. */
  bases: number;
  derivedBases: string[];
  /** Full copies of the network for these tasks. */
  fullCopiesBytes: number;
}

export interface Comparison {
  rows: ComparisonRow[];
  totals: ComparisonTotal[];
}

const FLOAT_BYTES = 4;

/** Bytes of the whole network with a head for the task's classes, 4 per number. */
export function fullCopyBytes(base: BaseRecord, classes: number): number {
  return base.summary.backboneBytes + FLOAT_BYTES * classes * (base.summary.features + 1);
}

/**
 * Newest result of every task and method, as it was learnt and in its newest smaller form.
 * @param taskNames all tasks when empty
 * @throws TapsError `not-found`
 */
export function compareTasks(library: Library, taskNames: readonly string[]): Comparison {
  const tasks = taskNames.length === 0 ? library.tasks.list() : taskNames.map((name) => library.tasks.get(name));
  const bases = new Map(library.bases.list().map((base) => [base.id, base]));
  const all = taskNames.length === 0 ? Map.groupBy(library.deltas.figures(), ({ taskId }) => taskId) : null;
  const rows: ComparisonRow[] = [];
  const groups = new Map<string, Entry[]>();
  for (const task of tasks) {
    const base = bases.get(task.baseId);
    if (base === undefined) continue;
    const fullBytes = fullCopyBytes(base, task.classNames.length);
    for (const delta of newestPerMethod(all === null ? library.deltas.figures(task.id) : (all.get(task.id) ?? []))) {
      const row = rowOf(task, delta, fullBytes);
      rows.push(row);
      const group = groups.get(groupOf(delta)) ?? [];
      group.push({ row, base, fullBytes });
      groups.set(groupOf(delta), group);
    }
  }
  const totals = GROUPS.flatMap(({ method, encoded, key }) => {
    const entries = groups.get(key);
    return entries === undefined ? [] : [totalOf(method, encoded, entries)];
  });
  return { rows, totals };
}

interface Entry {
  row: ComparisonRow;
  base: BaseRecord;
  fullBytes: number;
}

/** In the order of the table. */
const GROUPS = METHODS.flatMap((method) => [false, true].map((encoded) => ({ method, encoded, key: `${method} ${String(encoded)}` })));

function groupOf({ method, encoding }: DeltaFigures): string {
  return `${method} ${String(encoding !== null)}`;
}

function newestPerMethod(deltas: readonly DeltaFigures[]): DeltaFigures[] {
  const newest = new Map<string, DeltaFigures>();
  for (const delta of deltas) newest.set(groupOf(delta), delta);
  return GROUPS.flatMap(({ key }) => newest.get(key) ?? []);
}

function rowOf(task: TaskRecord, delta: DeltaFigures, fullBytes: number): ComparisonRow {
  return {
    task: task.name,
    method: delta.method,
    ...(delta.encoding === null ? {} : { encoding: delta.encoding }),
    testAccuracy: delta.testAccuracy,
    layersTuned: delta.layersOpen,
    layersTotal: delta.layersTotal,
    parameters: delta.parameters,
    bytes: delta.bytes,
    shareOfFullCopy: delta.bytes / fullBytes,
  };
}

function totalOf(method: MethodId, encoded: boolean, entries: readonly Entry[]): ComparisonTotal {
  const measured = entries.flatMap(({ row }) => row.testAccuracy ?? []);
  const basesUsed = [...new Map(entries.map(({ base }) => [base.id, base])).values()];
  // A derived base may share its graph's file with the one it comes from.
  const baseFiles = new Map(basesUsed.flatMap(({ graph, weights }) => [graph, weights]).map(({ sha256, bytes }) => [sha256, bytes]));
  const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
  // Smaller forms are differences from the base.
  const withBase = method !== 'full-fine-tuning' || encoded;
  return {
    method,
    ...(encoded ? { encoded } : {}),
    withBase,
    bases: basesUsed.length,
    derivedBases: basesUsed.flatMap(({ name, lineage }) => (lineage === undefined ? [] : [name])).sort(),
    tasks: entries.length,
    meanTestAccuracy: measured.length === 0 ? null : sum(measured) / measured.length,
    bytes: (withBase ? sum(baseFiles.values()) : 0) + sum(entries.map(({ row }) => row.bytes)),
    fullCopiesBytes: sum(entries.map(({ fullBytes }) => fullBytes)),
  };
}
