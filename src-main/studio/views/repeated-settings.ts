/** @file Results that differ in their seed only, and what they bring in the mean. */
import type { DeltaRecord, RunHead } from '../../contract/records.ts';
import type { RepeatedSetting } from '../../contract/studio/compare.ts';
import type { TrainConfig } from '../../contract/training.ts';
import { meanWithInterval } from '../../core/statistics.ts';
import { worstClassOf } from '../../services/sweep-report.ts';
import { measuredOf } from './measured.ts';

/** A stored result with the run it is of. */
export interface OfRun {
  delta: DeltaRecord;
  run: RunHead;
}

/**
 * Settings of one task with results of at least two seeds, on the same version of its pictures. Of the same seed the newest counts.
 * @param results oldest first
 */
export function repeatedSettings(task: { id: string; datasetId: string; classNames: readonly string[] }, results: readonly OfRun[]): RepeatedSetting[] {
  const groups = Map.groupBy(results, ({ delta, run }) => settingKey(delta, run.config, run.datasetId ?? task.datasetId));
  return [...groups.values()].flatMap((group) => {
    const bySeed = new Map(group.map((result) => [result.run.config.seed, result]));
    if (bySeed.size < 2) return [];
    const members = [...bySeed.entries()].sort(([a], [b]) => a - b);
    const measured = members.flatMap(([, { delta, run }]) => measuredOf(run.result, delta) ?? []);
    return [
      {
        taskId: task.id,
        deltaIds: members.map(([, { delta }]) => delta.id),
        seeds: members.map(([seed]) => seed),
        test: intervalOf(members.map(([, { delta }]) => delta.testAccuracy)),
        validation: intervalOf(members.map(([, { delta }]) => delta.validationAccuracy)),
        bytes: meanWithInterval(members.map(([, { delta }]) => delta.blob.bytes)),
        worstClass: worstClassOf(task.classNames, measured.map(({ test }) => test.confusion)),
      },
    ];
  });
}

/** null when one of them was never measured. */
function intervalOf(values: readonly (number | null)[]): RepeatedSetting['test'] {
  const known = values.filter((value) => value !== null);
  return known.length < values.length ? null : meanWithInterval(known);
}

/** Equal for results that differ in their seed, or in what changes no result: threads, memory, the form it was also stored in. */
function settingKey({ pathLevel, compression }: DeltaRecord, config: TrainConfig, datasetId: string): string {
  const { seed: _seed, threads: _threads, trunkMemory: _memory, trunkDisk: _disk, encoding: _encoding, tolerance: _tolerance, ...rest } = config;
  const form = compression === null ? null : [compression.encoding, compression.mostBytes ?? compression.tolerance, compression.mostBytes !== undefined];
  return JSON.stringify([datasetId, pathLevel, form, Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
