/** @file From a finished sweep to the points of a chart: one per task, setting, level of a path and compressed form, over the seeds. */
import { lambdaOfLevel, levelsOf } from '../../contract/budget.ts';
import type { DeltaRecord } from '../../contract/records.ts';
import { meanWithInterval, type MeanWithInterval } from '../../core/statistics.ts';
import { fullCopyBytes } from '../../services/compare-tasks.ts';
import type { Library } from '../../services/open-library.ts';

export interface ResultPoint {
  task: string;
  setting: string;
  /** Series of the chart. */
  group: 'full fine-tuning' | 'probe, norm' | 'TAPS' | 'TAPS path' | 'TAPS budget' | 'fixed layers' | 'compressed';
  /** Level of a path, from 0; null for every other result. */
  pathLevel: number | null;
  /** λ of a level that was asked for with one; null elsewhere. */
  lambda: number | null;
  test: MeanWithInterval;
  /** Test accuracy of each seed. */
  bySeed: ReadonlyMap<number, number>;
  validation: number;
  /** Means over the seeds. */
  bytes: number;
  share: number;
  layers: number;
  seconds: number;
}

interface Single {
  task: string;
  setting: string;
  group: ResultPoint['group'];
  pathLevel: number | null;
  lambda: number | null;
  seed: number;
  delta: DeltaRecord;
  share: number;
  seconds: number;
}

const NO_LEVEL = { pathLevel: null, lambda: null } as const;

/** @param compressed results that were made smaller, beside the sweeps' own */
export function pointsOf(library: Library, sweepIds: readonly string[], compressed: readonly DeltaRecord[]): ResultPoint[] {
  const entries = sweepIds.flatMap((id) => library.sweeps.get(id).entries);
  const singles = entries.flatMap(({ taskId, setting, runId, config }): Single[] => {
    if (runId === null) return [];
    const run = library.runs.get(runId);
    const task = library.tasks.get(taskId);
    const full = fullCopyBytes(library.bases.get(task.baseId), task.classNames.length);
    const single = (delta: DeltaRecord, name: string, group: ResultPoint['group'], level: Pick<Single, 'pathLevel' | 'lambda'> = NO_LEVEL): Single => ({ task: task.name, setting: name, group, ...level, seed: config.seed, delta, share: delta.blob.bytes / full, seconds: run.result?.seconds ?? 0 });
    const own = library.deltas.listOfRun(runId).map((delta) => {
      if (delta.pathLevel === null) return single(delta, setting, groupOf(setting));
      const { path } = config;
      const lambda = path === undefined ? null : lambdaOfLevel(path, delta.pathLevel);
      const name = lambda === null ? `path, level ${String(delta.pathLevel + 1)} of ${String(path === undefined ? '?' : levelsOf(path))}` : `path, λ ${String(lambda)}`;
      return single(delta, name, 'TAPS path', { pathLevel: delta.pathLevel, lambda });
    });
    const ids = new Set(own.map(({ delta }) => delta.id));
    const smaller = compressed.filter(({ derivedFrom }) => derivedFrom !== null && ids.has(derivedFrom)).map((delta) => single(delta, `${setting}, ${wordsOfForm(delta, full)}`, 'compressed'));
    // Of forms that were asked for in the same way, the newest.
    return [...own, ...new Map(smaller.map((form): [string, Single] => [form.setting, form])).values()];
  });
  return [...Map.groupBy(singles, ({ task, setting }) => JSON.stringify([task, setting])).values()].flatMap(pointOf);
}

/** How a smaller form was asked for: within a tolerance, or for a size. */
function wordsOfForm({ compression }: DeltaRecord, fullCopy: number): string {
  const { mostBytes } = compression ?? {};
  return mostBytes === undefined ? 'compressed' : `fitted into ${String(Number(((100 * mostBytes) / fullCopy).toPrecision(2)))} %`;
}

function groupOf(setting: string): ResultPoint['group'] {
  if (setting.startsWith('taps ≤')) return 'TAPS budget';
  if (setting.startsWith('taps')) return 'TAPS';
  if (setting.includes('layers')) return 'fixed layers';
  return setting === 'full-fine-tuning' ? 'full fine-tuning' : 'probe, norm';
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function pointOf(group: readonly Single[]): ResultPoint[] {
  const [first] = group;
  if (first === undefined) return [];
  return [
    {
      task: first.task,
      setting: first.setting,
      group: first.group,
      pathLevel: first.pathLevel,
      lambda: first.lambda,
      test: meanWithInterval(group.map(({ delta }) => delta.testAccuracy ?? 0)),
      bySeed: new Map(group.map(({ seed, delta }) => [seed, delta.testAccuracy ?? 0])),
      validation: mean(group.map(({ delta }) => delta.validationAccuracy ?? 0)),
      bytes: mean(group.map(({ delta }) => delta.blob.bytes)),
      share: mean(group.map(({ share }) => share)),
      layers: mean(group.map(({ delta }) => delta.layersOpen)),
      seconds: mean(group.map(({ seconds }) => seconds)),
    },
  ];
}
