/** @file What came out of a sweep: mean and 95 % interval per task and setting over its seeds, the worst class and task beside the mean. */
import type { RunRecord } from '../contract/records.ts';
import type { MethodId } from '../contract/training.ts';
import { classScores } from '../core/class-report.ts';
import { meanWithInterval, type MeanWithInterval } from '../core/statistics.ts';
import { fullCopyBytes } from './compare-tasks.ts';
import type { Library } from './open-library.ts';

export interface SweepRow {
  task: string;
  setting: string;
  method: MethodId;
  seeds: number[];
  /** On test pictures, looked at once per run; fractions. */
  test: MeanWithInterval;
  validation: MeanWithInterval;
  /** Of the stored file. */
  bytes: MeanWithInterval;
  /** Mean bytes as a fraction of a full copy. */
  shareOfFullCopy: number;
  layersOpen: number;
  layersTotal: number;
  /** The class with the lowest mean recall on test pictures; null without test pictures. */
  worstClass: { name: string; recall: number } | null;
  seconds: number;
}

export interface SweepTotal {
  setting: string;
  method: MethodId;
  tasks: number;
  /** Mean over tasks per seed, then over seeds; seeds that lack a task are left out. null when every seed lacks one. */
  test: MeanWithInterval | null;
  worstTask: { name: string; test: number };
  shareOfFullCopy: number;
}

export interface SweepReport {
  id: string;
  title: string;
  done: number;
  total: number;
  rows: SweepRow[];
  /** Over several tasks; empty for one. */
  totals: SweepTotal[];
  failures: { task: string; setting: string; seed: number; failure: string }[];
}

interface Outcome {
  task: string;
  classNames: string[];
  setting: string;
  run: RunRecord;
  bytes: number;
  fullBytes: number;
  layersOpen: number;
  layersTotal: number;
}

/** @throws TapsError `not-found` */
export function reportSweep(library: Library, sweepId: string): SweepReport {
  const sweep = library.sweeps.get(sweepId);
  const outcomes = sweep.entries.flatMap(({ taskId, setting, runId }): Outcome[] => {
    const deltaId = runId === null ? null : library.deltas.idOfRun(runId);
    if (runId === null || deltaId === null) return [];
    const task = library.tasks.get(taskId);
    const { blob, layersOpen, layersTotal, baseId } = library.deltas.get(deltaId);
    return [{ task: task.name, classNames: task.classNames, setting, run: library.runs.get(runId), bytes: blob.bytes, fullBytes: fullCopyBytes(library.bases.get(baseId), task.classNames.length), layersOpen, layersTotal }];
  });
  const rows = groups(outcomes, ({ task, setting }) => JSON.stringify([task, setting])).flatMap(rowOf);
  const failures = sweep.entries.flatMap(({ taskId, setting, config, failure }) => (failure === null ? [] : [{ task: library.tasks.get(taskId).name, setting, seed: config.seed, failure }]));
  return { id: sweep.id, title: sweep.title, done: outcomes.length, total: sweep.entries.length, rows, totals: totalsOf(outcomes, rows), failures };
}

function groups<Value>(values: readonly Value[], keyOf: (value: Value) => string): Value[][] {
  return [...Map.groupBy(values, keyOf).values()];
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function rowOf(group: readonly Outcome[]): SweepRow[] {
  const [first] = group;
  const results = group.flatMap(({ run }) => run.result ?? []);
  if (first === undefined || results.length === 0) return [];
  return [
    {
      task: first.task,
      setting: first.setting,
      method: first.run.config.method,
      seeds: group.map(({ run }) => run.config.seed),
      test: meanWithInterval(results.map(({ test }) => test.accuracy)),
      validation: meanWithInterval(results.map(({ validation }) => validation.accuracy)),
      bytes: meanWithInterval(group.map(({ bytes }) => bytes)),
      shareOfFullCopy: mean(group.map(({ bytes, fullBytes }) => bytes / fullBytes)),
      layersOpen: mean(group.map(({ layersOpen }) => layersOpen)),
      layersTotal: first.layersTotal,
      worstClass: worstClassOf(first.classNames, results.map(({ test }) => test.confusion)),
      seconds: mean(results.map(({ seconds }) => seconds)),
    },
  ];
}

/** The class with the lowest mean recall; null without pictures. @param confusions confusion[actual][predicted], one per run */
export function worstClassOf(classNames: readonly string[], confusions: readonly number[][][]): SweepRow['worstClass'] {
  const perRun = confusions.map((confusion) => classScores(confusion));
  const recalls = classNames.flatMap((name, label) => {
    const values = perRun.flatMap((scores) => scores[label]?.recall ?? []);
    return values.length === 0 ? [] : [{ name, recall: mean(values) }];
  });
  return recalls.toSorted((a, b) => a.recall - b.recall)[0] ?? null;
}

function totalsOf(outcomes: readonly Outcome[], rows: readonly SweepRow[]): SweepTotal[] {
  const tasks = new Set(outcomes.map(({ task }) => task)).size;
  if (tasks < 2) return [];
  return groups(rows, ({ setting }) => setting).flatMap((group) => {
    const [worst] = group.toSorted((a, b) => a.test.mean - b.test.mean);
    if (worst === undefined || group.length < tasks) return [];
    const bySeed = groups(outcomes.filter(({ setting }) => setting === worst.setting), ({ run }) => String(run.config.seed)).filter((runs) => runs.length === tasks);
    const means = bySeed.map((runs) => mean(runs.flatMap(({ run }) => run.result?.test.accuracy ?? [])));
    return [{ setting: worst.setting, method: worst.method, tasks, test: means.length === 0 ? null : meanWithInterval(means), worstTask: { name: worst.task, test: worst.test.mean }, shareOfFullCopy: mean(group.map(({ shareOfFullCopy }) => shareOfFullCopy)) }];
  });
}
