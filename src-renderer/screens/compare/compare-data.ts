/** @file Arithmetic of the Compare screen: which results count, what N tasks cost, what tasks share. Pure. */
import { lambdaOfLevel } from '../../../src-main/contract/budget.ts';
import type { ComparePoint, CompareView, RepeatedSetting } from '../../../src-main/contract/studio/compare.ts';
import type { MethodId } from '../../../src-main/contract/training.ts';
import { settingWords } from '../../format/setting-words.ts';

/** The result that stands for its task: the current one if it is shown, else the newest shown. One per task, by name. */
export function representatives(points: readonly ComparePoint[]): ComparePoint[] {
  const perTask = Map.groupBy(points, ({ taskId }) => taskId);
  return [...perTask.values()]
    .flatMap((group) => group.find(({ isCurrent }) => isCurrent) ?? group.toSorted((a, b) => b.createdAt - a.createdAt).slice(0, 1))
    .sort((a, b) => a.taskName.localeCompare(b.taskName, 'en', { numeric: true }));
}

export interface GrowthEntry {
  tasks: number;
  copies: number;
  base: number;
  deltas: { name: string; bytes: number }[];
  /** Not there: what further tasks would cost if they were like those that are. */
  projected?: boolean;
}

/** With fewer tasks the bars go on to this number. */
const WORTH_SHOWING = 8;

/** Bytes of the first 1, 2, … N of the given results: as full copies, and as their bases with a delta each. */
export function growth(chosen: readonly ComparePoint[], bases: CompareView['bases']): GrowthEntry[] {
  return chosen.map((_point, index) => {
    const first = chosen.slice(0, index + 1);
    const used = new Set(first.map(({ baseId }) => baseId));
    return {
      tasks: index + 1,
      copies: first.reduce((sum, { fullCopyBytes }) => sum + fullCopyBytes, 0),
      base: bases.filter(({ id }) => used.has(id)).reduce((sum, { bytes }) => sum + bytes, 0),
      deltas: first.map(({ taskName, bytes }) => ({ name: taskName, bytes })),
    };
  });
}

/** Goes on from few tasks to eight, each further one as large as the mean of those there are, on the base of the last one. */
export function withProjection(entries: readonly GrowthEntry[]): GrowthEntry[] {
  const last = entries.at(-1);
  if (last === undefined) return [];
  const bytes = last.deltas.reduce((sum, delta) => sum + delta.bytes, 0) / last.tasks;
  const further = Array.from({ length: Math.max(0, WORTH_SHOWING - last.tasks) }, (_, index): GrowthEntry => {
    const more = index + 1;
    return { tasks: last.tasks + more, copies: last.copies + (more * last.copies) / last.tasks, base: last.base, deltas: [...last.deltas, { name: '', bytes: more * bytes }], projected: true };
  });
  return [...entries, ...further];
}

export interface Headline {
  tasks: number;
  bytes: number;
  copies: number;
  /** 0..1; negative when deltas cost more than copies would. */
  saved: number;
  /** Mean accuracy minus full fine-tuning's, over the tasks that have both, 0..1; null without any. */
  accuracyDifference: number | null;
}

/** @param all every measured result, among them full fine-tuning's */
export function headline(chosen: readonly ComparePoint[], all: readonly ComparePoint[], bases: CompareView['bases']): Headline | null {
  const last = growth(chosen, bases).at(-1);
  if (last === undefined) return null;
  const bytes = last.base + last.deltas.reduce((sum, delta) => sum + delta.bytes, 0);
  const differences = chosen.flatMap((point) => {
    if (point.method === 'full-fine-tuning' || point.testAccuracy === null) return [];
    const full = all.filter(({ taskId, method, testAccuracy }) => taskId === point.taskId && method === 'full-fine-tuning' && testAccuracy !== null).toSorted((a, b) => b.createdAt - a.createdAt)[0];
    return full?.testAccuracy === undefined || full.testAccuracy === null ? [] : [point.testAccuracy - full.testAccuracy];
  });
  return {
    tasks: chosen.length,
    bytes,
    copies: last.copies,
    saved: last.copies === 0 ? 0 : 1 - bytes / last.copies,
    accuracyDifference: differences.length === 0 ? null : differences.reduce((sum, value) => sum + value, 0) / differences.length,
  };
}

export interface LayerMap {
  baseName: string;
  rows: { name: string; parameters: number }[];
  columns: { id: string; label: string }[];
  values: (number | null)[][];
  open: boolean[][];
  /** Jaccard index of the open layers of every two tasks, 0..1, mean over pairs; null for fewer than two. */
  overlap: number | null;
  /** Layers that more than one task changes. */
  shared: number;
}

/** Layers by tasks, one map per base. Results without gates count by what they change. */
export function layerMaps(chosen: readonly ComparePoint[], bases: CompareView['bases']): LayerMap[] {
  return bases.flatMap((base) => {
    const points = chosen.filter(({ baseId }) => baseId === base.id);
    if (points.length === 0 || base.layers.length === 0) return [];
    const states = points.map(({ layers }) => new Map(layers.map((layer) => [layer.name, layer])));
    const open = base.layers.map(({ name }) => states.map((state) => state.get(name)?.open === true));
    const values = base.layers.map(({ name }) => states.map((state) => state.get(name)?.score ?? (state.get(name)?.open === true ? 1 : 0)));
    return [
      {
        baseName: base.name,
        rows: base.layers,
        columns: points.map(({ deltaId, taskName }) => ({ id: deltaId, label: taskName })),
        values,
        open,
        overlap: meanOverlap(open, points.length),
        shared: open.filter((row) => row.filter(Boolean).length > 1).length,
      },
    ];
  });
}

function meanOverlap(open: readonly (readonly boolean[])[], columns: number): number | null {
  let sum = 0;
  let pairs = 0;
  for (let a = 0; a < columns; a++) {
    for (let b = a + 1; b < columns; b++) {
      const both = open.filter((row) => row[a] === true && row[b] === true).length;
      const either = open.filter((row) => row[a] === true || row[b] === true).length;
      sum += either === 0 ? 1 : both / either;
      pairs++;
    }
  }
  return pairs === 0 ? null : sum / pairs;
}

/** A row of the table: one result, or the results of one setting that differ in their seed. */
export interface SettingRow {
  /** What stands for it: the result in use, else the newest. Its figures are means where there are several seeds. */
  point: ComparePoint;
  /** By seed; the point alone for a single result. */
  members: ComparePoint[];
  repeated: RepeatedSetting | null;
}

/**
 * Results with those of one setting taken together, in the order of their first ones. A setting of which some results are not among the
 * points is left as it is.
 */
export function settingRows(points: readonly ComparePoint[], repeated: readonly RepeatedSetting[]): SettingRow[] {
  const byId = new Map(points.map((point) => [point.deltaId, point]));
  const settingOf = new Map(repeated.filter(({ deltaIds }) => deltaIds.every((id) => byId.has(id))).flatMap((setting) => setting.deltaIds.map((id) => [id, setting])));
  const seen = new Set<RepeatedSetting>();
  return points.flatMap((point): SettingRow[] => {
    const setting = settingOf.get(point.deltaId);
    if (setting === undefined) return [{ point, members: [point], repeated: null }];
    if (seen.has(setting)) return [];
    seen.add(setting);
    const members = setting.deltaIds.flatMap((id) => byId.get(id) ?? []);
    return [{ point: meanPoint(members, setting), members, repeated: setting }];
  });
}

function meanPoint(members: readonly ComparePoint[], { test, validation, bytes }: RepeatedSetting): ComparePoint {
  const [first] = members.toSorted((a, b) => Number(b.isCurrent) - Number(a.isCurrent) || b.createdAt - a.createdAt);
  if (first === undefined) throw new RangeError('A setting has at least one result.');
  const mean = (valueOf: (point: ComparePoint) => number): number => members.reduce((sum, point) => sum + valueOf(point), 0) / members.length;
  const seconds = members.some((point) => point.seconds === null) ? null : mean((point) => point.seconds ?? 0);
  return { ...first, testAccuracy: test?.mean ?? null, validationAccuracy: validation?.mean ?? null, bytes: bytes.mean, shareOfFullCopy: bytes.mean / first.fullCopyBytes, layersOpen: mean(({ layersOpen }) => layersOpen), parameters: mean(({ parameters }) => parameters), seconds };
}

export type SortKey = 'taskName' | 'method' | 'testAccuracy' | 'layersOpen' | 'bytes' | 'shareOfFullCopy' | 'seconds' | 'lambda' | 'createdAt';

/** λ that a result was learnt with, of a path that of its level; null where there was none or where it was adapted to a budget. */
export function lambdaOf({ method, config, pathLevel }: Pick<ComparePoint, 'method' | 'config' | 'pathLevel'>): number | null {
  if (method !== 'taps' || config === null) return null;
  if (config.path !== undefined) return pathLevel === null ? null : lambdaOfLevel(config.path, pathLevel);
  return config.budget === undefined ? config.lambda : null;
}

/** What is not known comes last in both directions. */
export function sortPoints(points: readonly ComparePoint[], key: SortKey, descending: boolean): ComparePoint[] {
  return sortRows(points.map((point) => ({ point })), key, descending).map(({ point }) => point);
}

/** As `sortPoints`, by the points of rows. */
export function sortRows<Row extends { point: ComparePoint }>(rows: readonly Row[], key: SortKey, descending: boolean): Row[] {
  const valueOf = (point: ComparePoint): number | string | null => (key === 'lambda' ? lambdaOf(point) : point[key]);
  return rows.toSorted(({ point: a }, { point: b }) => {
    const left = valueOf(a);
    const right = valueOf(b);
    if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
    const order = typeof left === 'string' || typeof right === 'string' ? String(left).localeCompare(String(right), 'en', { numeric: true }) : left - right;
    return (descending ? -order : order) || a.taskName.localeCompare(b.taskName);
  });
}

/** Settings that differ between two results, by name. */
export function settingDifferences(a: ComparePoint, b: ComparePoint): { name: string; left: string; right: string }[] {
  const left: Record<string, unknown> = a.config ?? {};
  const right: Record<string, unknown> = b.config ?? {};
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].sort().flatMap((name) => {
    const [one, other] = [settingWords(left[name]), settingWords(right[name])];
    return one === other ? [] : [{ name, left: one, right: other }];
  });
}

/** Layers that exactly one of the two changes. */
export function layerDifferences(a: ComparePoint, b: ComparePoint): { onlyLeft: string[]; onlyRight: string[]; both: number } {
  const openOf = (point: ComparePoint): Set<string> => new Set(point.layers.filter(({ open }) => open).map(({ name }) => name));
  const left = openOf(a);
  const right = openOf(b);
  const both = [...left].filter((name) => right.has(name));
  return { onlyLeft: [...left].filter((name) => !right.has(name)), onlyRight: [...right].filter((name) => !left.has(name)), both: both.length };
}

export function filterPoints(points: readonly ComparePoint[], tasks: ReadonlySet<string>, methods: ReadonlySet<MethodId>): ComparePoint[] {
  return points.filter(({ taskId, method }) => (tasks.size === 0 || tasks.has(taskId)) && (methods.size === 0 || methods.has(method)));
}
